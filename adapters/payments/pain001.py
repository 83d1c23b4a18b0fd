"""pain.001.001.09 and .03 out: a payout batch as a customer credit transfer initiation (feeds.md "Out").

Accounts are Othr/Id, banks are CNAPS member ids. NbOfTxs and CtrlSum are computed, and the finished bytes are read back
and compared, element by element, before anyone gets them. The bytes are a pure function of the rows and the settings:
CreDtTm is the stored time of the draft, an argument, so that a file written twice is the same file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

import polars as pl
from lxml import etree

from adapters.base import Context
from adapters.payments.texts import check_account, check_bank_code, check_text
from adapters.refused import FileRefusedError
from adapters.safe_xml import GuardedStream, elements
from settlement.model.errors import BadInput
from settlement.model.frames import PAYMENT, conform
from settlement.model.money import format_yuan, parse_amount

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001."
CURRENCY = "CNY"
MAX_TOTAL_FEN = 10**18 - 1  # CtrlSum and Amt hold 18 digits
# xs:dateTime, which is narrower than what Python takes for ISO: no day alone, no blank for the T, no offset of 0800
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_NAME_LENGTH = {"03": 70, "09": 140}  # .03's schema would take 140; banks that speak .03 cut at 70 (samples/notes.md E)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a batch says once. `created_at` is ISO text; codes are 联行号."""

    version: str
    message_id: str
    created_at: str
    execution_date: date
    debtor_name: str
    debtor_account: str
    debtor_bank_code: str


def write(frame: pl.DataFrame, context: Context) -> bytes:
    """PAYMENT frame to bytes, UTF-8, items in order of end_to_end_id.

    Settings: version ("09", default, or "03"), message_id, created_at (ISO text), execution_date (date or ISO text),
    debtor_name, debtor_account, debtor_bank_code. Raises BadInput, naming the item by its end_to_end_id and never by
    its account, where a value is missing, longer than the standard allows, or not what the standard takes.
    """
    settings = read_settings(context.settings, context.file)
    items = conform(frame, PAYMENT).sort("end_to_end_id")
    check_items(items, _NAME_LENGTH[settings.version], context.file)
    data = _message(items, settings)
    read_back(data, items, settings)
    return data


def read_settings(given: Mapping[str, Any], file: str) -> Settings:
    """The settings of a batch. Raises BadInput that names the one that is missing or wrong."""
    version = str(given.get("version", "09"))
    if version not in _NAME_LENGTH:
        raise BadInput(f"{file}: pain001 version is 09 or 03")
    texts = {
        name: given.get(name, "")
        for name in ("message_id", "created_at", "debtor_name", "debtor_account", "debtor_bank_code")
    }
    for name, longest in (("message_id", 35), ("debtor_name", _NAME_LENGTH[version]), ("debtor_account", 34)):
        _check_text(texts[name], name, longest, file)
    check_account(texts["debtor_account"], "debtor_account", file)
    check_bank_code(str(texts["debtor_bank_code"]), "debtor_bank_code", file)
    if not _is_time(texts["created_at"]):
        raise BadInput(f"{file}: created_at is not an ISO time, like 2026-05-07T23:30:00+08:00")
    return Settings(version=version, execution_date=_execution_date(given, file), **texts)


def _is_time(text: Any) -> bool:
    if not isinstance(text, str) or _TIME.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _execution_date(given: Mapping[str, Any], file: str) -> date:
    value = given.get("execution_date")
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise BadInput(f"{file}: execution_date is not a date; write YYYY-MM-DD") from None


def check_items(items: pl.DataFrame, longest_name: int, file: str) -> None:
    """Raises BadInput that names the first item the standard cannot carry, by its end_to_end_id."""
    if items.height == 0:
        raise BadInput(f"{file}: a payout file needs at least one item")
    seen: set[str] = set()
    total = 0
    for item in items.iter_rows(named=True):
        name = item["end_to_end_id"]
        _check_text(name, "end_to_end_id", 35, file)
        where = f"{file}: item {name}"
        if name in seen:
            raise BadInput(f"{where}: its end_to_end_id stands twice; each item needs its own")
        seen.add(name)
        if item["amount_fen"] is None or item["amount_fen"] <= 0:
            raise BadInput(f"{where}: the amount is not above 0")
        total += item["amount_fen"]
        _check_text(item["payee_name"], "payee_name", longest_name, where)
        _check_text(item["payee_account"], "payee_account", 34, where)
        check_account(item["payee_account"], "payee_account", where)
        check_bank_code(item["payee_bank_code"] or "", "payee_bank_code", where)
        for field, longest in (("payee_bank_name", 140), ("remittance", 140)):
            if item[field]:
                _check_text(item[field], field, longest, where)
    if total > MAX_TOTAL_FEN:
        raise BadInput(f"{file}: the total is too large for one file; split the batch")


def _check_text(text: Any, name: str, longest: int, where: str) -> None:
    """1 to `longest` characters, all of them seen, no blanks around them."""
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f"{where}: {name} is empty; it must be given")
    if len(text) > longest:
        raise BadInput(f"{where}: {name} has {len(text)} characters; the standard takes at most {longest}")
    check_text(text, name, where)


def _message(items: pl.DataFrame, settings: Settings) -> bytes:
    space = NAMESPACE + settings.version
    root = etree.Element(f"{{{space}}}Document", nsmap={None: space})  # type: ignore[dict-item] # None: default prefix
    initiation = _child(root, "CstmrCdtTrfInitn")
    count, total = str(items.height), format_yuan(int(items["amount_fen"].sum()))
    header = _child(initiation, "GrpHdr")
    for name, text in (
        ("MsgId", settings.message_id),
        ("CreDtTm", settings.created_at),
        ("NbOfTxs", count),
        ("CtrlSum", total),
    ):
        _text(header, name, text)
    _text(_child(header, "InitgPty"), "Nm", settings.debtor_name)
    block = _child(initiation, "PmtInf")
    for name, text in (
        ("PmtInfId", settings.message_id),
        ("PmtMtd", "TRF"),
        ("BtchBookg", "false"),
        ("NbOfTxs", count),
        ("CtrlSum", total),
    ):
        _text(block, name, text)
    day = settings.execution_date.isoformat()
    if settings.version == "03":
        _text(block, "ReqdExctnDt", day)
    else:
        _text(_child(block, "ReqdExctnDt"), "Dt", day)
    _text(_child(block, "Dbtr"), "Nm", settings.debtor_name)
    account = _account(block, "DbtrAcct", settings.debtor_account)
    _text(account, "Ccy", CURRENCY)
    _agent(block, "DbtrAgt", settings.debtor_bank_code)
    for item in items.iter_rows(named=True):
        _transfer(block, item)
    etree.indent(root, "  ")
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8")) + b"\n"


def _transfer(block: Any, item: dict[str, Any]) -> None:
    transfer = _child(block, "CdtTrfTxInf")
    _text(_child(transfer, "PmtId"), "EndToEndId", item["end_to_end_id"])
    _text(_child(transfer, "Amt"), "InstdAmt", format_yuan(item["amount_fen"])).set("Ccy", CURRENCY)
    _agent(transfer, "CdtrAgt", item["payee_bank_code"], item["payee_bank_name"])
    _text(_child(transfer, "Cdtr"), "Nm", item["payee_name"])
    _account(transfer, "CdtrAcct", item["payee_account"])
    if item["remittance"]:
        _text(_child(transfer, "RmtInf"), "Ustrd", item["remittance"])


def _agent(parent: Any, name: str, code: str, title: str | None = None) -> None:
    institution = _child(_child(parent, name), "FinInstnId")
    member = _child(institution, "ClrSysMmbId")
    _text(_child(member, "ClrSysId"), "Cd", "CNAPS")
    _text(member, "MmbId", code)
    if title:
        _text(institution, "Nm", title)


def _account(parent: Any, name: str, number: str) -> Any:
    account = _child(parent, name)
    _text(_child(_child(account, "Id"), "Othr"), "Id", number)
    return account


def _child(parent: Any, name: str) -> Any:
    """A child in the parent's namespace."""
    return etree.SubElement(parent, f"{parent.tag.rpartition('}')[0]}}}{name}")


def _text(parent: Any, name: str, text: str) -> Any:
    element = _child(parent, name)
    element.text = text
    return element


# --- read back -------------------------------------------------------------------------------------------------------

# (name that people know, path, what must stand there: a text, or an amount in fen)
_Meant = list[tuple[str, str, str | int]]


def read_back(data: bytes, items: pl.DataFrame, settings: Settings) -> None:
    """Reads the finished bytes anew and compares every element with what was to be written: `items` in their order.

    Raises BadInput that names the first item that differs, by its end_to_end_id and never by its account, and the
    field; also where the bytes are not pain.001, or hold an item or an element too many or too few.
    """
    space = f"{{{NAMESPACE}{settings.version}}}"
    meant = items.iter_rows(named=True)
    root = None
    try:
        guard = GuardedStream(io.BytesIO(data), "CdtTrfTxInf")
        for element in elements(guard, ("CdtTrfTxInf", "Document")):
            if element.tag == f"{space}CdtTrfTxInf":
                item = next(meant, None)
                if item is None:
                    raise BadInput("payment file: it has more items than the batch; write it anew")
                _compare(_leaves(element, space), _meant_of_item(item), f"item {item['end_to_end_id']}")
                element.clear()  # stays as an empty element, so that its place is compared with the head
            else:
                root = element
            guard.progress()
    except FileRefusedError as error:
        raise BadInput(f"payment file: it cannot be read back: {error}") from None
    if root is None or root.tag != f"{space}Document":  # the last element read
        raise BadInput(f"payment file: it is not pain.001.001.{settings.version}; write it anew")
    _compare(_leaves(root, space), _meant_of_head(items, settings), "head")


def _leaves(element: Any, space: str, path: str = "") -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(path, text, attributes) of every element without children, in order; another namespace stays in the path."""
    found = []
    for child in element:
        name = path + str(child.tag).removeprefix(space)
        if len(child):
            found += _leaves(child, space, f"{name}/")
        else:
            found.append((name, child.text or "", child.items()))
    return found


def _meant_of_item(item: Mapping[str, Any]) -> _Meant:
    bank = "CdtrAgt/FinInstnId"
    meant = [
        ("end_to_end_id", "PmtId/EndToEndId", item["end_to_end_id"]),
        ("amount", "Amt/InstdAmt", item["amount_fen"]),
        ("payee_bank_code", f"{bank}/ClrSysMmbId/ClrSysId/Cd", "CNAPS"),
        ("payee_bank_code", f"{bank}/ClrSysMmbId/MmbId", item["payee_bank_code"]),
        ("payee_bank_name", f"{bank}/Nm", item["payee_bank_name"]),
        ("payee_name", "Cdtr/Nm", item["payee_name"]),
        ("payee_account", "CdtrAcct/Id/Othr/Id", item["payee_account"]),
        ("remittance", "RmtInf/Ustrd", item["remittance"]),
    ]
    return [part for part in meant if part[2]]


def _meant_of_head(items: pl.DataFrame, settings: Settings) -> _Meant:
    """All that does not stand in an item, and the place of each item."""
    top, block = "CstmrCdtTrfInitn/GrpHdr", "CstmrCdtTrfInitn/PmtInf"
    count, total = str(items.height), int(items["amount_fen"].sum())
    day = "ReqdExctnDt" if settings.version == "03" else "ReqdExctnDt/Dt"
    return [
        ("message_id", f"{top}/MsgId", settings.message_id),
        ("created_at", f"{top}/CreDtTm", settings.created_at),
        ("NbOfTxs", f"{top}/NbOfTxs", count),
        ("CtrlSum", f"{top}/CtrlSum", total),
        ("debtor_name", f"{top}/InitgPty/Nm", settings.debtor_name),
        ("message_id", f"{block}/PmtInfId", settings.message_id),
        ("PmtMtd", f"{block}/PmtMtd", "TRF"),
        ("BtchBookg", f"{block}/BtchBookg", "false"),
        ("NbOfTxs", f"{block}/NbOfTxs", count),
        ("CtrlSum", f"{block}/CtrlSum", total),
        ("execution_date", f"{block}/{day}", settings.execution_date.isoformat()),
        ("debtor_name", f"{block}/Dbtr/Nm", settings.debtor_name),
        ("debtor_account", f"{block}/DbtrAcct/Id/Othr/Id", settings.debtor_account),
        ("currency", f"{block}/DbtrAcct/Ccy", CURRENCY),
        ("debtor_bank_code", f"{block}/DbtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd", "CNAPS"),
        ("debtor_bank_code", f"{block}/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId", settings.debtor_bank_code),
        *[("items", f"{block}/CdtTrfTxInf", "")] * items.height,
    ]


def _compare(found: list[tuple[str, str, list[tuple[str, str]]]], meant: _Meant, where: str) -> None:
    for want, got in zip_longest(meant, found):
        if want is None or got is None or not _same(want[1], want[2], *got):
            name = want[0] if want is not None else got[0].rpartition("/")[2]
            raise BadInput(f"payment file: {where}: {name} is not what was to be written; write it anew")


def _same(path: str, value: str | int, at: str, text: str, attributes: list[tuple[str, str]]) -> bool:
    if path != at or attributes != ([("Ccy", CURRENCY)] if path == "Amt/InstdAmt" else []):
        return False
    if isinstance(value, str):
        return text == value
    return text == format_yuan(value) and parse_amount(text) == value
