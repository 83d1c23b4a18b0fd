"""What a text of a payout file may hold: what people see and every bank's system keeps, and nothing else."""

from __future__ import annotations

import re

from adapters.payments.cnaps import is_cnaps
from settlement.model.errors import BadInput

_ACCOUNT = re.compile(r"[!-~]+", re.ASCII)
_WIDE_BLANK = "\u3000"  # stands within Chinese names


def check_text(text: str, name: str, where: str) -> None:
    """Raises BadInput for blanks around the text, and for what is not seen: control and format characters, other blanks
    than the plain and the Chinese one, line separators.
    """
    if text != text.strip():
        raise BadInput(f"{where}: {name} has blanks around it; take them off")
    if not text.replace(_WIDE_BLANK, " ").isprintable():
        raise BadInput(f"{where}: {name} holds a character that a bank file cannot carry; retype it")


def check_account(text: str, name: str, where: str) -> None:
    """Raises BadInput, without the account, for full-width digits, blanks within, and what is no plain character."""
    check_text(text, name, where)
    if _ACCOUNT.fullmatch(text) is None:
        raise BadInput(f"{where}: {name} has a blank or a full-width character; write plain digits and letters")


def check_bank_code(text: str, name: str, where: str) -> None:
    """Raises BadInput for what is no 联行号."""
    if not is_cnaps(text):
        raise BadInput(f"{where}: {name} is not a 联行号; 12 digits with a right check digit")
