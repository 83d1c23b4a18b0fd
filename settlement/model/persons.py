"""What is shown of a member's name and identity number."""

from __future__ import annotations


def mask_name(name: str) -> str:
    """The family name's first character, stars for the rest; one character is a star."""
    return name[0] + "*" * (len(name) - 1) if len(name) > 1 else "*" * len(name)


def mask_identity(number: str) -> str:
    """The last 4 of an identity number behind stars; all stars up to 6 characters."""
    return "*" * len(number) if len(number) <= 6 else "*" * (len(number) - 4) + number[-4:]
