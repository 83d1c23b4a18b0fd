"""The programme's bank: its daily camt.053, made from the payout files that left and a few lines of its own, and one
pain.002.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
from lxml import etree

from adapters.base import Context
from adapters.registry import adapter
from batch.config import load_config
from settlement.model.frames import STATEMENT_LINE, conform
from settlement.model.money import format_yuan, parse_amount

TOP_UPS = {"city": 200_000_000, "bank": 50_000_000, "network": 20_000_000}
DISTRICT_TOP_UP = 5_000_000
UNKNOWN_CREDIT_FEN = 12_345
CHARGE_FEN = 1_500


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the account; credit positive."""

    amount_fen: int
    reference: str
    end_to_end_id: str | None = None
    name: str | None = None
    account: str | None = None
    remittance: str | None = None
    bank_code: str = "PMNT-RCDT-DMCT"
    reversal: bool = False


class Paid(NamedTuple):
    """An item of a payout file that left; `message` is the file's MsgId."""

    day: date
    end_to_end_id: str
    fen: int
    name: str
    account: str
    message: str


def released(home: Path) -> list[Paid]:
    """The items of every payout file that left, in order."""
    config = load_config(home)
    out = []
    for path in sorted((home / "exchange" / config.payout.folder / "out").glob("*.xml")):
        tree = etree.fromstring(path.read_bytes())
        day = date.fromisoformat(tree.findtext(".//{*}ReqdExctnDt/{*}Dt") or tree.findtext(".//{*}ReqdExctnDt") or "")
        out += [
            Paid(
                day,
                item.findtext(".//{*}EndToEndId") or "",
                parse_amount(item.findtext(".//{*}InstdAmt") or ""),
                item.findtext("{*}Cdtr/{*}Nm") or "",
                item.findtext("{*}CdtrAcct//{*}Othr/{*}Id") or "",
                tree.findtext(".//{*}GrpHdr/{*}MsgId") or "",
            )
            for item in tree.iterfind(".//{*}CdtTrfTxInf")
        ]
    return out


def returned(items: list[Paid]) -> Paid | None:
    """The item that the bank returns on the day after it left: the first of the first payout day."""
    return min(items, key=lambda item: (item.day, item.end_to_end_id)) if items else None


def refused(items: list[Paid]) -> Paid | None:
    """The item that the bank does not pay: the last of the first payout day, where that has more than one."""
    first = min((item.day for item in items), default=None)
    same_day = sorted((item for item in items if item.day == first), key=lambda item: item.end_to_end_id)
    return same_day[-1] if len(same_day) > 1 else None


def report(items: list[Paid], bad: Paid) -> bytes:
    """The pain.002 about the payout file of a refused item."""
    told = [
        f"<TxInfAndSts><OrgnlEndToEndId>{item.end_to_end_id}</OrgnlEndToEndId>"
        + (
            "<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>账户已销户</AddtlInf></StsRsnInf>"
            if item == bad
            else "<TxSts>ACSC</TxSts>"
        )
        + f'<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">{format_yuan(item.fen)}</InstdAmt></Amt></OrgnlTxRef>'
        "</TxInfAndSts>"
        for item in items
        if item.message == bad.message
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10">'
        f"<CstmrPmtStsRpt><GrpHdr><MsgId>STS-{bad.message}</MsgId><CreDtTm>{bad.day}T22:00:00+08:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{bad.message}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
        f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>{bad.message}</OrgnlPmtInfId>{''.join(told)}"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>\n"
    ).encode()


def lines(home: Path, first: date, day: date) -> list[Line]:
    """What moves on the account on a day."""
    config = load_config(home)
    account = config.account(config.payout.account)
    out: list[Line] = []
    if day == first:
        for sponsor in account.sponsors:
            fen = TOP_UPS.get(sponsor.sponsor, DISTRICT_TOP_UP)
            out.append(
                Line(
                    fen,
                    f"TOPUP-{sponsor.sponsor}",
                    name=sponsor.sponsor,
                    account=sponsor.account,
                    remittance="拨付补贴资金",
                )
            )
    items = released(home)
    bad = refused(items)
    items = [item for item in items if item != bad]
    out += [
        Line(
            -item.fen,
            f"PAY-{item.end_to_end_id}",
            item.end_to_end_id,
            item.name,
            item.account,
            "会员普惠补贴结算",
            "PMNT-ICDT-DMCT",
        )
        for item in items
        if item.day == day
    ]
    back = returned([item for item in items if item.day < day])
    if back is not None and back.day + timedelta(days=1) == day:
        out.append(
            Line(
                back.fen,
                f"RET-{back.end_to_end_id}",
                back.end_to_end_id,
                back.name,
                back.account,
                "账号户名不符",
                "PMNT-ICDT-RRTN",
                reversal=True,
            )
        )
    if day == first + timedelta(days=2):
        out.append(Line(UNKNOWN_CREDIT_FEN, "MISC-1", name="某单位", account="9990001112223334", remittance="货款"))
    if day == first + timedelta(days=4):
        out.append(Line(-CHARGE_FEN, "FEE-1", remittance="账户管理费", bank_code="PMNT-MDOP-CHRG"))
    return out


def statement(home: Path, first: date, day: date) -> bytes:
    """The camt.053 of a day: opening is the sum of all days before."""
    config = load_config(home)
    account = config.account(config.payout.account)
    opening = account.first_opening_fen
    before = first
    while before < day:
        opening += sum(line.amount_fen for line in lines(home, first, before))
        before += timedelta(days=1)
    today = lines(home, first, day)
    closing = opening + sum(line.amount_fen for line in today)
    rows = [
        {
            "line": number,
            "booking_date": day,
            "value_date": day,
            "amount_fen": line.amount_fen,
            "reversal": line.reversal,
            "reference": line.reference,
            "end_to_end_id": line.end_to_end_id,
            "counterparty_name": line.name,
            "counterparty_account": line.account,
            "remittance": line.remittance,
            "bank_code": line.bank_code,
        }
        for number, line in enumerate(today, 1)
    ] or [{"line": None}]
    fixed = {
        "statement": f"{day:%Y%m%d}",
        "account": account.number,
        "currency": "CNY",
        "opening_fen": opening,
        "closing_fen": closing,
    }
    frame = pl.DataFrame([{**dict.fromkeys(STATEMENT_LINE), **fixed, **row} for row in rows], schema=STATEMENT_LINE)
    chosen = adapter("camt053")
    assert chosen.write is not None
    settings = {"created_at": f"{day}T23:10:00+08:00", "message_id": f"STMT{day:%Y%m%d}"}
    context = Context(f"camt053_{day:%Y%m%d}.xml", "bank", settings, None, day)
    return chosen.write(conform(frame, STATEMENT_LINE), context)
