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
_SUBFIELD = re.compile(r"\?([0-9]{2})")
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC)\+")
_WORD = re.compile(r"/(EREF|NAME|REMI|IBAN|BENM|ORDP|ISDT|CSID|MARF|BIC|TRTP|RTRN|ADDR|PURP|PREF|SVCL|NRTX)/")
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
    if _WORD.match(text):
        return _code_words(text)
    return Information(remittance=" ".join(text.split()) or None)


def _subfields(text: str) -> Information:
    parts = _SUBFIELD.split(text)
    purpose, name, account, title = "", "", "", ""
    for key, value in zip(parts[1::2], parts[2::2], strict=True):
        if key in _PURPOSE:
            purpose += value
        elif key in {"32", "33"}:
            name += value
        elif key == "31":
            account = account or value.strip()
        elif key == "00":
            title = title or value.strip()
    reference, said = None, purpose.strip()
    if "+" in purpose and len(marks := _SEPA.split(purpose)) > 1:
        words = dict(zip(marks[1::2], marks[2::2], strict=True))
        reference = words.get("EREF", "").strip() or None
        said = words.get("SVWZ", marks[0]).strip()
    name = name.strip()
    return Information(reference, name or None, account or None, said or title or None)


def _code_words(text: str) -> Information:
    marks = _WORD.split(text)
    words: dict[str, str] = {}
    for key, value in zip(marks[1::2], marks[2::2], strict=True):
        words.setdefault(key, value.strip().strip("/"))
    said = words.get("REMI") or None
    if "RTRN" in words:  # as camt's returned payments are told (docs/formats_accounts.md)
        said = f"/RTRN/{words['RTRN']}/" + (f" {said}" if said else "")
    return Information(
        words.get("EREF") or None, words.get("NAME") or None, words.get("IBAN") or None, said or text.strip()
    )
