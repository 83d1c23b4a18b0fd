"""camt.053.001.08 out: a STATEMENT_LINE frame as the bank's statements. The demo city's bank speaks through it.

Bytes are a pure function of the frame and the settings; `camt.reader` reads back what was written. XSD-valid.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import polars as pl
from lxml import etree

from adapters.accounts.camt_elements import RETURNED
from adapters.accounts.currency import format_minor
from adapters.base import Context
from settlement.model.errors import BadInput
from settlement.model.frames import STATEMENT_LINE, conform

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_DOMAIN = re.compile(r"([A-Z0-9]{1,4})-([A-Z0-9]{1,4})-([A-Z0-9]{1,4})", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}", re.ASCII)


def write_camt053(frame: pl.DataFrame, context: Context) -> bytes:
    """STATEMENT_LINE frame to bytes, UTF-8, one Stmt per (statement, account), lines in order of `line`.

    Settings: `message_id`; `created_at`, ISO text; the context's `clearing_date` dates the balances. Rows of a
    statement must carry one opening and one closing balance; a row with a null `line` is a statement without lines.
    Raises BadInput where a text is longer than the standard allows.
    """
    rows = conform(frame, STATEMENT_LINE).sort("statement", "account", "line", nulls_last=False)
    created, day = _setting(context, "created_at"), context.clearing_date
    if day is None:
        raise BadInput(f"{context.file}: camt053 needs a clearing date; set clearing_date")
    root = etree.Element(
        "Document",
        nsmap={None: NAMESPACE},  # type: ignore[dict-item] # lxml takes None as the default prefix
    )
    message = _child(root, "BkToCstmrStmt")
    header = _child(message, "GrpHdr")
    _text(header, "MsgId", _setting(context, "message_id"), 35)
    _text(header, "CreDtTm", created)
    for part in rows.partition_by("statement", "account", maintain_order=True):
        _statement(message, part, created, day)
    etree.indent(root, "")
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8")) + b"\n"


def _statement(message: Any, rows: pl.DataFrame, created: str, day: date) -> None:
    first = rows.row(0, named=True)
    heads = rows.select("currency", "opening_fen", "closing_fen").unique()
    if heads.height != 1 or first["opening_fen"] is None or first["closing_fen"] is None:
        raise BadInput(f"statement {first['statement']}: give one opening and one closing balance on all its lines")
    element = _child(message, "Stmt")
    _text(element, "Id", first["statement"], 35)
    _text(element, "CreDtTm", created)
    account = _child(element, "Acct")
    _account(account, first["account"])
    _text(account, "Ccy", first["currency"])
    _balance(element, "OPBD", first["opening_fen"], first["currency"], day)
    _balance(element, "CLBD", first["closing_fen"], first["currency"], day)
    for row in rows.drop_nulls("line").iter_rows(named=True):
        _entry(element, row)


def _entry(statement: Any, row: dict[str, Any]) -> None:
    entry = _child(statement, "Ntry")
    credit = row["amount_fen"] >= 0
    amount = _text(entry, "Amt", format_minor(abs(row["amount_fen"]), row["currency"]))
    amount.set("Ccy", row["currency"])
    _text(entry, "CdtDbtInd", "CRDT" if credit else "DBIT")
    if row["reversal"]:
        _text(entry, "RvslInd", "true")
    _text(_child(entry, "Sts"), "Cd", "BOOK")
    for name, day in (("BookgDt", row["booking_date"]), ("ValDt", row["value_date"])):
        if day is not None:
            _text(_child(entry, name), "Dt", day.isoformat())
    _optional(entry, "AcctSvcrRef", row["reference"], 35)
    _bank_code(entry, row["bank_code"])
    _detail(_child(_child(entry, "NtryDtls"), "TxDtls"), row, credit)


def _detail(detail: Any, row: dict[str, Any], credit: bool) -> None:
    returned, said = split_return(row["remittance"])
    if row["end_to_end_id"]:
        _text(_child(detail, "Refs"), "EndToEndId", row["end_to_end_id"], 35)
    name, account = row["counterparty_name"], row["counterparty_account"]
    if name or account:
        parties = _child(detail, "RltdPties")
        # a reversal and a return keep the parties of the payment they undo
        role = "Dbtr" if credit != bool(row["reversal"] or returned) else "Cdtr"
        if name:
            _text(_child(_child(parties, role), "Pty"), "Nm", name, 140)
        if account:
            _account(_child(parties, f"{role}Acct"), account)
    if said:
        remittance = _child(detail, "RmtInf")
        for start in range(0, len(said), 140):
            _text(remittance, "Ustrd", said[start : start + 140], 140)
    if returned:
        code, _, text = returned.partition(" ")
        reason = _child(detail, "RtrInf")
        _text(
            _child(reason, "Rsn"), "Cd" if len(code) <= 4 and code.isalnum() and code.isascii() else "Prtry", code, 35
        )
        _optional(reason, "AddtlInf", text, 105)


def split_return(remittance: str | None) -> tuple[str | None, str | None]:
    """("AC04 text", rest) of the remittance of a returned payment, (None, remittance) of any other."""
    match = RETURNED.fullmatch(remittance or "")
    return (match.group(1), match.group(2) or None) if match else (None, remittance)


def _bank_code(entry: Any, code: str | None) -> None:
    element = _child(entry, "BkTxCd")
    match = _DOMAIN.fullmatch(code or "")
    if match is None:
        _text(_child(element, "Prtry"), "Cd", code or "NTAV", 35)
        return
    domain = _child(element, "Domn")
    _text(domain, "Cd", match.group(1))
    family = _child(domain, "Fmly")
    _text(family, "Cd", match.group(2))
    _text(family, "SubFmlyCd", match.group(3))


def _account(parent: Any, number: str) -> None:
    identity = _child(parent, "Id")
    if _IBAN.fullmatch(number):
        _text(identity, "IBAN", number)
    else:
        _text(_child(identity, "Othr"), "Id", number, 34)


def _balance(statement: Any, code: str, amount: int, currency: str, day: date) -> None:
    balance = _child(statement, "Bal")
    _text(_child(_child(balance, "Tp"), "CdOrPrtry"), "Cd", code)
    _text(balance, "Amt", format_minor(abs(amount), currency)).set("Ccy", currency)
    _text(balance, "CdtDbtInd", "CRDT" if amount >= 0 else "DBIT")
    _text(_child(balance, "Dt"), "Dt", day.isoformat())


def _child(parent: Any, name: str) -> Any:
    return etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")


def _text(parent: Any, name: str, text: str, longest: int | None = None) -> Any:
    if not text or (longest is not None and len(text) > longest):
        raise BadInput(f"camt053: {name} needs 1 to {longest or 'more'} characters, not {len(text)}")
    element = _child(parent, name)
    try:
        element.text = text
    except ValueError:
        raise BadInput(f"camt053: {name} holds a control character; remove it") from None
    return element


def _optional(parent: Any, name: str, text: str | None, longest: int) -> None:
    if text:
        _text(parent, name, text, longest)


def _setting(context: Context, name: str) -> str:
    value = context.settings.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{context.file}: camt053 needs the setting {name}")
    return value
