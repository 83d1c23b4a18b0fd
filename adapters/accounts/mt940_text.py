"""The text of an MT940 `:86:` field: who, which account, which reference, what for.

Three ways of writing are read; whatever fits none of them is remittance as it stands:

    166?00TITLE?20EREF+X?21SVWZ+TEXT?30BANK?31ACCOUNT?32NAME?33NAME     subfields (German banks)
    /EREF/X/BENM//NAME/NAME/REMI/TEXT                                    code words (SWIFT)
    free text
"""

from __future__ import annotations

import re

# (end-to-end id, name of the other side, its account, remittance); None where the text does not say
Information = tuple[str | None, str | None, str | None, str | None]

_STRUCTURED = re.compile(r"[0-9]{3}\?[0-9]{2}")
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC)\+")
_WORDS = frozenset(
    "EREF NAME REMI IBAN BENM ORDP ISDT CSID MARF BIC TRTP RTRN ADDR PURP PREF".split()  # noqa: SIM905 (one line)
)
# the subfields of the purpose, each with the one it continues
_KEYS = [*map(str, range(20, 30)), *map(str, range(60, 64))]
_PURPOSE = dict(zip(_KEYS, ["", *_KEYS], strict=False))
_GAP = "\0"
_NOTHING: Information = (None, None, None, None)


def read_information(text: str) -> Information:
    """The parts of a `:86:` text. Never fails: text that fits no way of writing is remittance."""
    if not text:
        return _NOTHING
    if text[0] == "/":
        pieces = text.split("/")
        if pieces[1] in _WORDS:
            reference, name, account, said = _code_words(pieces)
            return reference, name, account, said or text.strip()
    elif _STRUCTURED.match(text):
        return _subfields(text)
    return None, None, None, " ".join(text.split()) or None


def _subfields(text: str) -> Information:
    purpose, name, account, title = "", "", "", ""
    last = ""
    for part in text.split("?")[1:]:
        key = part[:2]
        if key in _PURPOSE:
            purpose += part[2:] if _PURPOSE[key] == last else _GAP + part[2:]
            last = key
        elif key in {"32", "33"}:
            name += part[2:]
        elif key == "31":
            account = account or part[2:].strip()
        elif key == "00":
            title = title or part[2:].strip()
        elif not key.isdigit():  # a question mark in the text
            purpose += f"?{part}"
    reference, said = None, purpose.replace(_GAP, "").strip()
    if "+" in purpose:
        words = _sepa_words(purpose)
        reference = words.get("EREF", "").strip() or None
        said = words.get("SVWZ", words[""]).strip()
    return reference, name.strip() or None, account or None, said or title or None


def _sepa_words(purpose: str) -> dict[str, str]:
    """The text behind each mark (`EREF+...SVWZ+...`), and under "" what belongs to none.

    A mark ends where a subfield does not continue the one before it (?20EREF+E1?24TEXT); SVWZ itself goes on.
    """
    first, *parts = _SEPA.split(purpose)
    words = {"": first}
    for mark, said in zip(parts[::2], parts[1::2], strict=True):
        own, _, free = (said.replace(_GAP, ""), "", "") if mark == "SVWZ" else said.partition(_GAP)
        words[mark] = words.get(mark, "") + own
        words[""] += free
    words[""] = words[""].replace(_GAP, "")
    return words


def _code_words(pieces: list[str]) -> Information:
    """`pieces` is the text cut at its slashes."""
    words: dict[str, str] = {}
    key = ""
    last = pieces.pop()
    for piece in pieces:
        if piece in _WORDS:
            key = piece if piece not in words else ""  # the first of a word counts
            words[key] = ""
        elif key:
            words[key] = f"{words[key]}/{piece}" if words[key] else piece
    if key:
        words[key] = f"{words[key]}/{last}" if words[key] else last
    said = words.get("REMI", "").strip(" /")
    if "RTRN" in words:  # as camt's returned payments are told (docs/formats_accounts.md)
        said = f"/RTRN/{words['RTRN'].strip(' /')}/ {said}".rstrip(" ")
    return (
        words.get("EREF", "").strip(" /") or None,
        words.get("NAME", "").strip(" /") or None,
        words.get("IBAN", "").strip(" /") or None,
        said or None,
    )
