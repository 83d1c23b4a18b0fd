"""The text of an MT940 `:86:` field: who, which account, which reference, what for.

Three ways of writing are read; whatever fits none of them is remittance as it stands:

    166?00TITLE?20EREF+X?21SVWZ+TEXT?30BANK?31ACCOUNT?32NAME?33NAME     subfields (German banks; others write < > ^ ~ +)
    /EREF/X/BENM//NAME/NAME/REMI/TEXT                                    code words (SWIFT; Rabobank, ABN AMRO)
    /EREF/X//CNTP/ACCOUNT/BIC/NAME/CITY//REMI/USTD//TEXT/                code words (ING)
    free text
"""

from __future__ import annotations

import re
from itertools import repeat

# (end-to-end id, name of the other side, its account, remittance); None where the text does not say
Information = tuple[str | None, str | None, str | None, str | None]
Payer = tuple[bool, bool]

NEXT_TEXT = "\n:86:"  # stands between the texts of one line: nothing else can begin a line with a tag
# the code of the business, which some leave out, and the first subfield; Bulgarian banks write letters, and under 00
# the text
_STRUCTURED = re.compile(r"\s*(?:[0-9]{3}([0-9]?)\s*([?<>^~+])\s?[0-9]{2}|[A-Z]{3}(\+)00|\?[02]0|([<>^~])20)")
# the subfields of a sign that a text may hold too; after a SEPA mark `+` is that mark's
_MARKS = {sign: re.compile(rf"{re.escape(sign)}(?=(?:00|10|2[0-9]|3[0-4]|38|6[0-3]))") for sign in "<>^~"}
_SEPA_WORDS = "EREF|KREF|MREF|BREF|RREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|ANAM|PURP|MDAT|DDAT|SQTP|ORCR|ORMR|IBAN"
_MARKS["+"] = re.compile(rf"(?<!{_SEPA_WORDS})(?<!BIC)\+(?=(?:00|10|2[0-9]|3[0-4]|38|6[0-3]))")
_SEPA = frozenset(_SEPA_WORDS.split("|"))
_PARTIES = frozenset({"CNTP", "BENM", "ORDP", "ACCW", "BBAN", "ACNO"})
_SIDES = frozenset({"CRNM", "CACT", "DBNM", "DACT"})  # Goldman Sachs names creditor and debtor
_MANY = frozenset({"REMI", "CNTP", "BENM", "ORDP"})
# and the nothing between two slashes, which ends a value
_WORDS = _PARTIES.union(
    [""],
    "EREF NAME REMI IBAN ISDT CSID MARF BIC TRTP RTRN ADDR PURP PREF ULTD ULTC ULTB BUSP RTYP".split(),  # noqa: SIM905
    "NRTX PIND ISSR OCMT CHGS EXCH SUBI KREF CREF IREF TRCD BAI CDTRREFTP CDTRREF".split(),  # noqa: SIM905
    "RREF RCMT CHRG BREF MREF OAMT INIT CHGS1 CHGS2".split(),  # noqa: SIM905
    "CRNM CACT CBIC DBNM DACT DBIC DCID FCCY OPRP".split(),  # noqa: SIM905
)
# what begins a line like a code word, known or not, ends a value before it, but the text itself; byte 01 marks it
_NEW_LINE = re.compile(r"\n/(?=[A-Z]{3,8}[0-9]?/)")
_ENDED = "\x01"
_DIGIT = re.compile(r"[0-9]")
_WHOLE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}|[0-9]{26}")  # an IBAN, or a Polish one without its PL
_EMPTY = "\u02d9"  # byte FF, by which PKO fills a subfield that says nothing
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
# the subfields of the purpose, each with the one it continues
_KEYS = [*map(str, range(20, 30)), *map(str, range(60, 64))]
_PURPOSE = dict(zip(_KEYS, ["", *_KEYS], strict=False))
# most texts have them: journal number, bank code, addition to the text key; in 35 and 70 some name the account's owner
_UNREAD = frozenset({"10", "30", "34", "35", "36", "37", *map(str, range(70, 80))})
_WORD = re.compile(r"[A-Z]{4}:")  # MTLG:text, the bank's own words behind an id
_OWN_WORD = "MTLG:"  # the one known; behind a subfield that is full another may be how an id goes on
_FULL = 27  # characters of a subfield
_GAP = "\0"
_NOTHING: Information = (None, None, None, None)


def read_information(text: str, payer: Payer = (False, True)) -> Information:
    """The parts of a `:86:` text, whose lines end with LF. Never fails: what fits no way of writing is remittance.

    A line end stands for a blank, and in subfields for nothing. `payer`: whether the other side is who paid, and
    whether it is where the text tells of a return.
    """
    if not text:
        return _NOTHING
    lines = "\n" in text
    if lines and NEXT_TEXT in text:
        return _several(text.split(NEXT_TEXT), payer)
    if text[0] == "/" or text.startswith("EREF/"):
        begun = text if text[0] == "/" else f"/{text}"
        if lines:  # a slash at the end of a line may belong to a word on the next
            begun = _NEW_LINE.sub(f"/{_ENDED}/", begun).replace("/\n", "/").replace("\n", " ")
        pieces = begun.split("/")
        if pieces[1] in _WORDS and pieces[1]:
            reference, name, account, said = _code_words(pieces, payer)
            if lines and reference and reference.replace(" ", "") == "NOTPROVIDED":
                reference = None
            return reference, name, account, said or " ".join(text.split())
    elif found := _STRUCTURED.match(text):
        joined, sign = text.replace("\n", ""), found[2] or found[3] or found[4] or "?"
        if found[3]:
            joined = joined.replace("+00", "+20", 1)
        if sign != "?":
            mark = _MARKS[sign]
            # one alone may be free text: 100+20; without a code before them, two
            if len(mark.findall(joined)) > (2 if found[4] else 1):
                return _subfields(mark.sub("?", joined.rstrip(f" {sign}")))
        elif not found[1]:
            return _subfields(joined)
    return None, None, None, " ".join(text.split()) or None


def _several(texts: list[str], payer: Payer) -> Information:
    """What several `:86:` say of one line: the first that names a party or reference counts, remittance goes on.

    A text that begins with a subfield continues the one before it.
    """
    whole: list[str] = []
    for text in texts:
        if whole and text[:1] == "?" and text[1:3].isdigit():
            whole[-1] += text
        else:
            whole.append(text)
    columns = list(zip(*map(read_information, whole, repeat(payer)), strict=True))
    reference, name, account = (next(filter(None, column), None) for column in columns[:3])
    return reference, name, account, " ".join(dict.fromkeys(filter(None, columns[3]))) or None


def _subfields(text: str) -> Information:
    purpose, name, account, iban, title = "", "", "", "", ""
    last, full = "", False
    if _EMPTY in text:
        text = text.replace(_EMPTY, "")
    for part in text.split("?")[1:]:
        key, own = part[:2], part[2:]
        if key in _PURPOSE:
            goes_on = _PURPOSE[key] == last
            if goes_on and own[4:5] == ":" and _WORD.match(own):
                goes_on = full and not own.startswith(_OWN_WORD)
            purpose += own if goes_on else _GAP + own
            last, full = key, len(own) >= _FULL
        elif key in _UNREAD:
            pass
        elif key == "33" and _WHOLE.fullmatch(own.strip()):  # ING in Romania
            iban = iban or own.strip()
        elif key in {"32", "33"}:
            name += own
        elif key == "31":
            account = account or own.strip()
        elif key == "38":
            iban = own.replace(" ", "")
        elif key == "00":
            title = title or own.strip()
        else:  # a question mark in the text, or a subfield that is not known
            purpose += f"{_GAP}?{part}" if key.isdigit() else f"?{part}"
    reference, said = "", purpose
    if "+" in purpose:
        words = _sepa_words(purpose)
        reference, said = words.get("EREF", ""), words.get("SVWZ", words[""])
    if " " in account and _WHOLE.fullmatch(account.replace(" ", "")):
        account = account.replace(" ", "")
    if iban and _WHOLE.fullmatch(iban):  # where there is one, ?31 is but the part of it that the bank gave out
        account = iban
    reference, said = reference.replace(_GAP, "").strip(), said.replace(_GAP, "").strip()
    return reference or None, name.strip() or None, account or None, said or title or None


def _sepa_words(purpose: str) -> dict[str, str]:
    """The text behind each mark (`EREF+...SVWZ+...`), and under "" what belongs to none.

    A mark ends where a subfield does not continue the one before it (?20EREF+E1?24TEXT); SVWZ itself goes on. Of
    the others the first counts: a return repeats those of the payment in its text. The gaps are left in.
    """
    marks, texts, begun = [""], [], ""
    *pieces, last = purpose.split("+")
    for piece in pieces:
        size = 4 if piece[-4:] in _SEPA else 3 if piece.endswith("BIC") else 0
        if size:
            marks.append(piece[-size:])
            texts.append(begun + piece[:-size])
            begun = ""
        else:
            begun += f"{piece}+"
    texts.append(begun + last)
    words = {"": texts[0]}
    for mark, said in zip(marks[1:], texts[1:], strict=True):
        if mark == "SVWZ":
            words[mark] = words.get(mark, "") + said
        else:
            own, _, free = said.partition(_GAP)
            words[mark] = words.get(mark) or own
            words[""] += free
    return words


def _code_words(pieces: list[str], payer: Payer) -> Information:
    """`pieces` is the text cut at its slashes. The first of a word counts; a word has a slash behind it.

    A value ends at the next word or at a double slash, but for those that are made of several.
    """
    words: dict[str, str] = {}
    key = ""
    last = pieces.pop()
    for piece in pieces:
        if piece in _WORDS:
            if piece:
                key = piece if piece not in words else ""
                words[key] = ""
            elif key in _MANY:
                words[key] = f"{words[key]}/" if words[key] else " "
            else:
                key = ""
        elif piece == _ENDED:
            if key in _MANY:
                words[key] += " "
            else:
                key = ""
        elif key:
            words[key] = f"{words[key]}/{piece}" if words[key] else piece
    if key:
        words[key] = f"{words[key]}/{last}" if words[key] else last
    name, account = words.get("NAME", "").strip(" /") or None, words.get("IBAN", "").strip(" /") or None
    if "ORDP" in words and "BENM" in words:
        name, account = _other_side("/".join([*pieces, last]), payer["RTRN" in words])
    elif (name is None or account is None) and not _PARTIES.isdisjoint(words):
        name, account = _party(words, name, account)
    if not _SIDES.isdisjoint(words):
        side = "D" if payer["RTRN" in words] else "C"
        name = name or words.get("DBNM" if side == "D" else "CRNM", "").strip(" /") or None
        account = account or words.get(f"{side}ACT", "").strip(" /") or None
    said = (words.get("REMI") or words.get("CDTRREF") or "").strip(" /")
    if said[:5] in {"USTD/", "STRD/"}:
        said = said[5:].lstrip("/ ").removeprefix("CUR/").removeprefix("ISO/")
    if "RTRN" in words and (reason := words["RTRN"].strip(" /")):
        # as camt's returned payments are told (docs/formats_accounts.md)
        said = f"/RTRN/{reason.replace('/', ' ')}/ {said}".rstrip(" ")
    return words.get("EREF", "").strip(" /") or None, name, account, said or None


def _other_side(text: str, payer: bool) -> tuple[str | None, str | None]:
    """Of a text that names both sides: who paid, or who was paid."""
    side, own = ("ORDP", "BENM") if payer else ("BENM", "ORDP")
    said = text[text.index(f"/{side}/") :].partition(f"/{own}/")[0].removesuffix(f"/{_ENDED}")
    return _code_words(said.split("/"), (payer, payer))[1:3]


def _party(words: dict[str, str], name: str | None, account: str | None) -> tuple[str | None, str | None]:
    """What NAME and IBAN leave open: /CNTP/account/bic/name/city, /BENM/account/name, /ORDP/name, /ACCW/account,bic."""
    for word in ("CNTP", "BENM", "ORDP"):
        if said := words.get(word, "").strip():
            first, second, third, *_ = f"{said}///".split("/", 3)
            first, second = first.rstrip(), second.strip()
            if word == "CNTP" or (len(second) in {8, 11} and _BIC.fullmatch(second)):
                name, account = name or third.strip() or None, account or first or None
            elif _DIGIT.search(first):
                name, account = name or second or None, account or first or None
            else:
                name = name or first or None
    for word in ("ACCW", "BBAN", "ACNO"):
        if account is None and word in words:
            account = words[word].strip(" /").partition(",")[0] or None
    return name, account
