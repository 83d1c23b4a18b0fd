"""Seven days of the city as files, with planted faults; what was planted is told to the tests, not to the product."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from adapters.base import Context
from adapters.registry import adapter
from batch.city import bank, traffic
from batch.city.traffic import Town
from settlement.store.files import write_atomic

DAYS = 7


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault: what it is, the night that must find it, the key it must be found under."""

    fault: str
    night: date
    key: str


@dataclass
class Day:
    """A clearing day while faults are being planted: our feeds and the banks' lists, by channel."""

    ours: dict[str, pl.DataFrame]
    theirs: dict[str, pl.DataFrame]
    planted: list[Planted] = field(default_factory=list)


CHANNELS = {"pos": ("pos", "pos"), "bank_account": ("smk", "bank_account"), "purse": ("smk", "purse")}


def clearing_day(town: Town, first: date, number: int) -> Day:
    """Day `number` (0 to 6) of the week with its faults."""
    today = _channels(traffic.day(town, first + timedelta(days=number)))
    day = Day(dict(today), dict(today))
    night = first + timedelta(days=number)
    _cutoff(town, first, number, day)
    plant = {
        0: (_late_missing, _overclaim),
        1: (_bad_date_row, _theirs_only),
        2: (_ours_only,),
        3: (_amount, _late_arrives, _refund_first),
        4: (_sale_after, _status, _over_refund),
        5: (_duplicate_theirs,),
    }
    for fault in plant.get(number, ()):
        fault(town, first, night, day)
    return day


def _channels(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {name: frame.filter(pl.col("rail") == rail) for name, (_, rail) in CHANNELS.items()}


def quiet(town: Town, clearing: date, rail: str, place: int) -> pl.DataFrame:
    """One sale of the day (the `place`-th quiet one) that no operation of that or the next day touches."""
    today = traffic.day(town, clearing)
    tomorrow = traffic.day(town, clearing + timedelta(days=1))
    touched = pl.concat([today["original_key"], tomorrow["original_key"]]).drop_nulls()
    calm = today.filter(
        (pl.col("rail") == rail)
        & (pl.col("kind") == "SALE")
        & (pl.col("category") == "food.restaurant")
        & ~pl.col("transaction_id").is_in(touched.implode())
    ).sort("transaction_id")
    return calm[place : place + 1]


def _without(frame: pl.DataFrame, row: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("transaction_id") != row["transaction_id"][0])


def _add(sides: dict[str, pl.DataFrame], channel: str, row: pl.DataFrame) -> None:
    sides[channel] = pl.concat([sides[channel], row])


def _cutoff(town: Town, first: date, number: int, day: Day) -> None:
    """The last quiet POS sale of each day is in the acquirer's file of the next: a cut-off difference that heals."""
    night = first + timedelta(days=number)
    if number < DAYS - 1:
        row = quiet(town, night, "pos", 9)
        day.theirs["pos"] = _without(day.theirs["pos"], row)
        day.planted.append(Planted("cut-off difference", night, row["transaction_id"][0]))
    if number > 0:
        before = quiet(town, night - timedelta(days=1), "pos", 9)
        _add(day.theirs, "pos", before)


def _late_missing(town: Town, _first: date, night: date, day: Day) -> None:
    row = quiet(town, night, "purse", 0)
    day.ours["purse"] = _without(day.ours["purse"], row)
    day.theirs["purse"] = _without(day.theirs["purse"], row)


def _late_arrives(town: Town, first: date, night: date, day: Day) -> None:
    row = quiet(town, first, "purse", 0)
    _add(day.ours, "purse", row)
    _add(day.theirs, "purse", row)
    day.planted.append(Planted("record three days late", night, row["transaction_id"][0]))


def _overclaim(town: Town, _first: date, night: date, day: Day) -> None:
    """The POS gave 12.00 where the rule repays 1.00 to 10.00."""
    row = quiet(town, night, "pos", 0)
    key = row["transaction_id"][0]
    changed = row.with_columns(gross_fen=pl.col("paid_fen") + 1200, claimed_fen=pl.lit(1200, pl.Int64))
    day.ours["pos"] = pl.concat([_without(day.ours["pos"], row), changed])
    day.planted.append(Planted("overclaimed discount", night, key))


def _bad_date_row(town: Town, _first: date, night: date, day: Day) -> None:
    """Its date is spoilt in the bytes; the bank's list still has the sale."""
    row = quiet(town, night, "bank_account", 1)
    day.planted.append(Planted("row with a bad date", night, row["rrn"][0]))


def _theirs_only(town: Town, _first: date, night: date, day: Day) -> None:
    row = quiet(town, night, "pos", 2)
    day.ours["pos"] = _without(day.ours["pos"], row)
    day.planted.append(Planted("sale only the bank has", night, row["rrn"][0]))


def _ours_only(town: Town, _first: date, night: date, day: Day) -> None:
    row = quiet(town, night, "bank_account", 2)
    day.theirs["bank_account"] = _without(day.theirs["bank_account"], row)
    day.planted.append(Planted("sale only we have", night, row["transaction_id"][0]))


def _amount(town: Town, _first: date, night: date, day: Day) -> None:
    row = quiet(town, night, "pos", 3)
    changed = row.with_columns(paid_fen=pl.col("paid_fen") + 100, gross_fen=pl.col("gross_fen") + 100)
    day.theirs["pos"] = pl.concat([_without(day.theirs["pos"], row), changed])
    day.planted.append(Planted("amount mismatch", night, row["transaction_id"][0]))


def _operation(town: Town, night: date, original: pl.DataFrame, kind: str, fen: int, number: int) -> pl.DataFrame:
    """One operation on a given sale, with a number of its own."""
    rows = traffic.operations_on(town, night, original, kind, 990_000 + number)
    return rows.with_columns(paid_fen=pl.lit(fen, pl.Int64), gross_fen=pl.lit(fen, pl.Int64))


def _refund_first(town: Town, _first: date, night: date, day: Day) -> None:
    """A refund comes today, its sale (made today, off line) tomorrow."""
    sale = quiet(town, night, "bank_account", 3)
    for sides in (day.ours, day.theirs):
        sides["bank_account"] = _without(sides["bank_account"], sale)
    refund = _operation(town, night, sale, "REFUND", int(sale["paid_fen"][0]) // 2, 1)
    _add(day.ours, "bank_account", refund)
    _add(day.theirs, "bank_account", refund)
    day.planted.append(Planted("refund before its sale", night, refund["transaction_id"][0]))


def _sale_after(town: Town, _first: date, night: date, day: Day) -> None:
    sale = quiet(town, night - timedelta(days=1), "bank_account", 3)
    _add(day.ours, "bank_account", sale)
    _add(day.theirs, "bank_account", sale)


def _status(town: Town, _first: date, night: date, day: Day) -> None:
    """We have a void that the bank does not know."""
    sale = quiet(town, night, "pos", 4)
    void = _operation(town, night, sale, "VOID", int(sale["paid_fen"][0]), 2)
    _add(day.ours, "pos", void)
    day.planted.append(Planted("void on one side", night, void["transaction_id"][0]))


def _over_refund(town: Town, _first: date, night: date, day: Day) -> None:
    sale = quiet(town, night, "bank_account", 4)
    refund = _operation(town, night, sale, "REFUND", int(sale["paid_fen"][0]) + 500, 3)
    _add(day.ours, "bank_account", refund)
    _add(day.theirs, "bank_account", refund)
    day.planted.append(Planted("over-refund", night, refund["transaction_id"][0]))


def _duplicate_theirs(town: Town, _first: date, night: date, day: Day) -> None:
    row = quiet(town, night, "pos", 5)
    _add(day.theirs, "pos", row)
    day.planted.append(Planted("item twice in the bank's file", night, row["rrn"][0]))


def drop(town: Town, home: Path, first: date, number: int) -> list[Planted]:
    """Writes the day's files into the inboxes of `home`, each followed by its marker; gives what was planted."""
    night = first + timedelta(days=number)
    day = clearing_day(town, first, number)
    planted = day.planted + _drop_citizen_card(town, home, first, number, day)
    for folder, name, data in _other_files(night, day):
        put(home, folder, name, data)
    put(home, "bank", f"camt053_{night:%Y%m%d}.xml", bank.statement(home, first, night))
    if number == 1:
        left = bank.released(home)
        bad = bank.refused(left)
        if bad is not None:
            put(home, "bank", f"pain002_{night:%Y%m%d}.xml", bank.report(left, bad))
            planted.append(Planted("refused payout", night, bad.end_to_end_id))
    if number == 2:
        back = bank.returned(bank.released(home))
        if back is not None:
            planted.append(Planted("returned payout", night, back.end_to_end_id))
        planted.append(Planted("unknown credit", night, "MISC-1"))
    return planted


def put(home: Path, folder: str, name: str, data: bytes) -> None:
    """A complete file: data, then marker."""
    write_atomic(home / "exchange" / folder / "in" / name, data)
    marker = json.dumps({"size": len(data)})
    write_atomic(home / "exchange" / folder / "in" / f"{name}.ok", marker.encode())


def _write(format_name: str, source: str, name: str, frame: pl.DataFrame, night: date, **settings: object) -> bytes:
    chosen = adapter(format_name)
    assert chosen.write is not None, f"{format_name} does not write"
    if format_name == "unionpay_acom":
        frame = frame.with_columns(transaction_id=pl.col("bank_key"), original_key=pl.col("original_bank_key"))
    ready = frame.with_columns(
        pl.lit(night, pl.Date).alias("clearing_date"),
        pl.col("transaction_id").str.replace(r"^[a-z]+:", f"{source}:"),
        pl.col("original_key").str.replace(r"^[a-z]+:", f"{source}:"),
        pl.lit(source).alias("source"),
    ).sort("occurred_at", "transaction_id")
    return chosen.write(ready, Context(name, source, settings, None, night))


def _other_files(night: date, day: Day) -> list[tuple[str, str, bytes]]:
    """POS feed, both ACOMN files, purse list."""
    pos, acom, account, purse = (
        f"POS{night:%Y%m%d}01",
        f"IND{night:%y%m%d}01ACOMN",
        f"IND{night:%y%m%d}02ACOMN",
        f"PURSE_{night:%Y%m%d}.csv",
    )
    return [
        ("posbank", pos, _write("pos_iso8583", "pos", pos, day.ours["pos"], night)),
        (
            "posbank",
            acom,
            _write("unionpay_acom", "unionpay", acom, day.theirs["pos"], night, record="acomn", rail="pos"),
        ),
        (
            "smkbank",
            account,
            _write(
                "unionpay_acom",
                "smkbank",
                account,
                day.theirs["bank_account"],
                night,
                record="acomn",
                rail="bank_account",
            ),
        ),
        (
            "smk",
            purse,
            _write("mapped_csv", "smkcard", purse, day.theirs["purse"], night, mapping="purse_daily", rail="purse"),
        ),
    ]


def _drop_citizen_card(town: Town, home: Path, first: date, number: int, day: Day) -> list[Planted]:
    """The citizen-card feed, with the faults made in bytes: twice, bad date, wrong trailer, the same file again."""
    night = first + timedelta(days=number)
    rows = pl.concat([day.ours["bank_account"], day.ours["purse"]])
    name = f"SMK_{night:%Y%m%d}"
    planted = []
    if number == 0:
        again = quiet(town, night, "purse", 1)
        rows = pl.concat([rows, again])
        planted.append(Planted("duplicate row", night, again["transaction_id"][0]))
    data = _write("citizen_card", "smk", name, rows, night)
    if number == 1:
        row = quiet(town, night, "bank_account", 1)
        data = spoil_date(data, row["rrn"][0])
    if number == 2:
        put(home, "smk", f"{name}_0", spoil_trailer(data))
        planted.append(Planted("file with a wrong trailer", night, f"{name}_0"))
        before = night - timedelta(days=1)
        earlier = clearing_day(town, first, 1)
        twice = pl.concat([earlier.ours["bank_account"], earlier.ours["purse"]])
        row = quiet(town, before, "bank_account", 1)
        same = spoil_date(_write("citizen_card", "smk", f"SMK_{before:%Y%m%d}", twice, before), row["rrn"][0])
        put(home, "smk", f"SMK_{before:%Y%m%d}_2", same)
        planted.append(Planted("duplicate file", night, f"SMK_{before:%Y%m%d}_2"))
    put(home, "smk", name, data)
    return planted


def spoil_date(data: bytes, rrn: str) -> bytes:
    """The record that holds `rrn` gets 30 February as its date."""
    lines = data.split(b"\r\n")
    at = next(i for i, line in enumerate(lines) if rrn.encode() in line)
    line = lines[at]
    lines[at] = line[:128] + b"0230" + line[132:]
    return b"\r\n".join(lines)


def spoil_trailer(data: bytes) -> bytes:
    """The trailer counts one record too many."""
    lines = data.rstrip(b"\r\n").split(b"\r\n")
    count = int(lines[-1][2:11]) + 1
    lines[-1] = lines[-1][:2] + f"{count:09d}".encode() + lines[-1][11:]
    return b"\r\n".join(lines) + b"\r\n"
