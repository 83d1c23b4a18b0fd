"""The text of an MT940 `:86:` field: who, which account, which reference, what for.

Three ways of writing are read; whatever fits none of them is remittance as it stands:

    166?00TITLE?20EREF+X?21SVWZ+TEXT?30BANK?31ACCOUNT?32NAME?33NAME     subfields (German banks)
    /EREF/X/BENM//NAME/NAME/REMI/TEXT                                    code words (SWIFT)
    free text
"""

from __future__ import annotations

import re
from typing import NamedTuple

_STRUCTURED = re.compile(r"[0-9]{3}\?[0-9]{2}", re.ASCII)
_SEPA = frozenset(["EREF", "KREF", "MREF", "CRED", "DEBT", "COAM", "OAMT", "SVWZ", "ABWA", "ABWE", "IBAN", "BIC"])
_WORDS = frozenset(
    [
        "EREF",
        "NAME",
        "REMI",
        "IBAN",
        "BENM",
        "ORDP",
        "ISDT",
        "CSID",
        "MARF",
        "BIC",
        "TRTP",
        "RTRN",
        "ADDR",
        "PURP",
        "PREF",
    ]
)
_PURPOSE = frozenset([f"{n}" for n in range(20, 30)] + [f"{n}" for n in range(60, 64)])


class Information(NamedTuple):
    """What a `:86:` says; None where it does not."""

    end_to_end_id: str | None = None
    name: str | None = None
    account: str | None = None
    remittance: str | None = None


def read_information(text: str) -> Information:
    """The parts of a `:86:` text. Never fails: text that fits no way of writing is remittance."""
    if _STRUCTURED.match(text):
        return _subfields(text)
    if text.startswith("/") and text.partition("/")[2].partition("/")[0] in _WORDS:
        return _code_words(text)
    return Information(remittance=" ".join(text.split()) or None)


def _subfields(text: str) -> Information:
    purpose, name, account, title = "", "", "", ""
    for part in text.split("?")[1:]:
        key, value = part[:2], part[2:]
        if not key.isdigit():  # a question mark in the text
            key, value = "20", f"?{part}"
        if key in _PURPOSE:
            purpose += value
        elif key in {"32", "33"}:
            name += value
        elif key == "31":
            account = account or value.strip()
        elif key == "00":
            title = title or value.strip()
    reference, said = None, purpose.strip()
    if "+" in purpose:
        words = _sepa_words(purpose)
        reference = words.get("EREF", "").strip() or None
        said = words.get("SVWZ", words[""]).strip()
    name = name.strip()
    return Information(reference, name or None, account or None, said or title or None)


def _sepa_words(purpose: str) -> dict[str, str]:
    """The text behind each mark (`EREF+...SVWZ+...`), and under "" what stands before the first."""
    words = {"": ""}
    mark = ""
    *parts, last = purpose.split("+")
    for part in parts:
        following = part[-4:] if part[-4:] in _SEPA else part[-3:]
        if following in _SEPA:
            words[mark] = words.get(mark, "") + part[: -len(following)]
            mark = following
        else:
            words[mark] = words.get(mark, "") + part + "+"
    words[mark] = words.get(mark, "") + last
    return words


def _code_words(text: str) -> Information:
    words: dict[str, str] = {}
    key = ""
    *pieces, last = text.split("/")
    for piece in pieces:
        if piece in _WORDS:
            key = piece if piece not in words else ""  # the first of a word counts
            words[key] = ""
        elif key:
            words[key] = f"{words[key]}/{piece}" if words[key] else piece
    if key:
        words[key] = f"{words[key]}/{last}" if words[key] else last
    said = _bare(words.get("REMI"))
    if "RTRN" in words:  # as camt's returned payments are told (docs/formats_accounts.md)
        said = f"/RTRN/{_bare(words['RTRN']) or ''}/" + (f" {said}" if said else "")
    return Information(
        _bare(words.get("EREF")), _bare(words.get("NAME")), _bare(words.get("IBAN")), said or text.strip()
    )


def _bare(value: str | None) -> str | None:
    """Without blanks and slashes around it; None where nothing is left."""
    return (value.strip(" /") or None) if value else None
