"""Payout files and 回盘 result files by a bank's template (feeds.md "Out"): one layout writes, another reads.

The template is an adapters.layout.Layout, chosen by the setting `layout`: the name of one that ships (minsheng_payout,
minsheng_payout_outer, minsheng_result, unionpay_payout, unionpay_result), or a mapping, as YAML gives it.

Fields of a payout record are filled by name: the columns of PAYMENT (amount_fen as `amount`), `sequence` (row number
from 1), else the setting of that name, else blank. Fields of a result record: `end_to_end_id`, `amount`, `result`
(whose `values` map the bank's code to paid, rejected or unknown) and `reason`.
"""

from __future__ import annotations

import io
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import polars as pl

from adapters.base import Adapter, Closing, Context, Parsed
from adapters.layout import Layout, Line
from adapters.layout_line import CellError, Value, encode_line
from adapters.layout_text import describe, show_layout
from adapters.payments.results import BLOCK_ROWS, RESULTS, Result, perhaps_paid, result_frame, settled, shown_reason
from adapters.payments.template_file import Declared, Row, rows
from adapters.payments.texts import check_account, check_bank_code, check_text
from adapters.refused import FileRefusedError
from adapters.yaml_document import chosen_document
from settlement.model.errors import BadInput
from settlement.model.frames import PAYMENT, conform
from settlement.model.rejects import Reject

PACKAGE = "adapters.payments"


def layout_of(settings: Mapping[str, Any], gives: str) -> Layout:
    """The layout of the setting `layout`. Raises BadInput where there is none or it does not serve here."""
    chosen = settings.get("layout")
    if chosen is None:
        like = "minsheng_payout" if gives == "payment" else "minsheng_result"
        raise BadInput(f"setting layout: name the bank's template, like {like}, or give one as YAML")
    layout = chosen_document(chosen, "layout", PACKAGE, Layout)
    if layout.gives != gives:
        raise BadInput(f"layout {layout.format}: it gives {layout.gives}, a {gives} layout is needed here")
    needed = ("end_to_end_id", "amount") if gives == "payment" else ("end_to_end_id", "result")
    for name in needed:
        if layout.record.field(name) is None:
            raise BadInput(f"layout {layout.format}: the record has no field {name}; add it")
    _check_types(layout)
    if gives == "result":
        _check_results(layout)
    return layout


def _check_types(layout: Layout) -> None:
    """Raises BadInput where an amount or a text of the record is laid down as something else."""
    for spec in layout.record.fields:
        name = "amount_fen" if spec.name == "amount" else spec.name
        fits = {"amount"} if name == "amount_fen" else {"text", "digits", "hex", "card"}
        if name in PAYMENT and spec.type not in fits:
            raise BadInput(
                f"layout {layout.format}: {spec.name} is of type {spec.type}; give it {' or '.join(sorted(fits))}"
            )


def _check_results(layout: Layout) -> None:
    for name in ("end_to_end_id", "result"):
        each = layout.record.field(name)
        if each is not None and (not each.required or each.constant is not None):
            raise BadInput(
                f"layout {layout.format}: {name}: add `required: true` and no constant; each row has its own"
            )
    spec = layout.record.field("result")
    assert spec is not None
    wrong = sorted(set(spec.values.values()) - set(RESULTS))
    if not spec.values or wrong:
        raise BadInput(f"layout {layout.format}: result: give values that map each code to {', '.join(RESULTS)}")


# --- out -------------------------------------------------------------------------------------------------------------


def write(frame: pl.DataFrame, context: Context) -> bytes:
    """PAYMENT frame to the bytes of the template, items in order of end_to_end_id, read back before they are given.

    Raises BadInput, naming the item by its end_to_end_id, where a value is missing, too long for the template, or not
    in its encoding; where an item stands twice, its amount is not above 0, or the file would be too long; and where the
    file's name is not one the template's bank takes.
    """
    layout = layout_of(context.settings, "payment")
    if layout.filename and re.search(layout.filename, context.file) is None:
        raise BadInput(f"{context.file}: the bank of {layout.format} takes files named {layout.filename}")
    items = conform(frame, PAYMENT).sort("end_to_end_id")
    _check_items(items, layout, context.file)
    count, total = items.height, int(items["amount_fen"].sum())
    newline = layout.newline_bytes
    parts = [
        _encode(layout, line, _totals(line, context, count, total), f"{context.file}: header") for line in layout.header
    ]
    for number, item in enumerate(items.iter_rows(named=True), 1):
        parts.append(_encode(layout, layout.record, _values(layout, item, number, context), _where(context, item)))
    parts += [
        _encode(layout, line, _totals(line, context, count, total), f"{context.file}: trailer")
        for line in layout.trailer
    ]
    data = b"".join(part + newline for part in parts)
    if layout.encoding == "utf-8-sig":
        data = BOM_UTF8 + data
    if layout.end_mark:
        data += layout.end_mark_bytes + (newline if layout.end_mark_newline else b"")
    _compare(read_back(data, layout), items, layout)
    return data


def _check_items(items: pl.DataFrame, layout: Layout, file: str) -> None:
    if items.height == 0:
        raise BadInput(f"{file}: a payout file needs at least one item")
    if layout.maximum_records is not None and items.height > layout.maximum_records:
        raise BadInput(f"{file}: {items.height} items; the bank takes {layout.maximum_records} a file: split the batch")
    if items["end_to_end_id"].replace("", None).null_count():
        raise BadInput(f"{file}: an item has no end_to_end_id; it must be given")
    twice = items.filter(pl.col("end_to_end_id").is_duplicated())
    if twice.height:
        raise BadInput(f"{file}: item {twice['end_to_end_id'][0]}: its end_to_end_id stands twice")
    unpaid = items.filter(pl.col("amount_fen").is_null() | (pl.col("amount_fen") <= 0))
    if unpaid.height:
        raise BadInput(f"{file}: item {unpaid['end_to_end_id'][0]}: the amount is not above 0")


def _where(context: Context, item: dict[str, Any]) -> str:
    return f"{context.file}: item {item['end_to_end_id']}"


def _values(layout: Layout, item: dict[str, Any], number: int, context: Context) -> dict[str, Value]:
    known: dict[str, Value] = {name: item[name] for name in PAYMENT if name != "amount_fen"}
    known |= {"amount": item["amount_fen"], "sequence": number, "clearing_date": context.clearing_date}
    return {spec.name: known.get(spec.name, context.settings.get(spec.name)) for spec in layout.record.fields}


def _totals(line: Line, context: Context, count: int, total: int) -> dict[str, Value]:
    """Values of a header or trailer: what it declares, else the setting of the field's name."""
    said: dict[str, Value] = {"count": count, "total": total, "clearing_date": context.clearing_date}
    return {
        spec.name: said[spec.declares] if spec.declares else context.settings.get(spec.name) for spec in line.fields
    }


_CHECKS = {"payee_account": check_account, "payee_bank_code": check_bank_code}


def _encode(layout: Layout, line: Line, values: dict[str, Value], where: str) -> bytes:
    """One line; a text that would not come back as it is, or that no bank's system keeps, is an error too."""
    for name, value in values.items():
        if isinstance(value, str) and value:
            _CHECKS.get(name, check_text)(value, name, where)
    try:
        return encode_line(layout, line, values)
    except CellError as error:
        raise BadInput(f"{where}: {error.field or 'line'} {error}") from None


def read_back(data: bytes, layout: Layout) -> pl.DataFrame:
    """The PAYMENT rows of a payout file, read anew; raises BadInput where the file contradicts itself."""
    found = []
    try:
        for row in rows(io.BytesIO(data), layout, Declared()):
            if row.values is None:
                raise BadInput(f"payment file: row {row.record} cannot be read back")
            found.append(row)
    except FileRefusedError as refused:
        raise BadInput(f"payment file: it cannot be read back: {refused.message}") from None
    return _payments(found)


def _compare(found: pl.DataFrame, items: pl.DataFrame, layout: Layout) -> None:
    """Raises BadInput that names the first item, by its end_to_end_id, whose row does not hold what the item says."""
    if found.height != items.height:
        raise BadInput(f"payment file: it has {found.height} items, the batch {items.height}; write it anew")
    meant = items.with_columns(pl.col(pl.String).replace("", None))
    for name in PAYMENT:
        spec = layout.record.field("amount" if name == "amount_fen" else name)
        if spec is None or (name == "remittance" and spec.constant is not None):
            continue  # the bank's file does not carry it
        wrong = found[name].ne_missing(meant[name]).arg_true()
        if wrong.len():
            where = f"item {items['end_to_end_id'][wrong[0]]}"
            raise BadInput(f"payment file: {where}: {spec.name} is not what was to be written; write it anew")


# --- in --------------------------------------------------------------------------------------------------------------


def read(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of PAYMENT_RESULT, then the Closing. `message_id` comes from the setting, else from the file's name."""
    layout = layout_of(context.settings, "result")
    message_id = _message_id(layout, context)

    def frame(good: list[Row]) -> pl.DataFrame:
        return result_frame([_result(layout, row, message_id) for row in good], context.file)

    return settled(_read(stream, context, layout, frame), context.file)


def read_payout(stream: BinaryIO, context: Context) -> Iterator[Parsed | Closing]:
    """Blocks of PAYMENT of a payout file, then the Closing: what the bank will read in it."""
    layout = layout_of(context.settings, "payment")

    return _read(stream, context, layout, _payments)


def _payments(good: list[Row]) -> pl.DataFrame:
    """Rows of a payout file as a PAYMENT frame; a column that the template does not carry is blank."""
    names = {name: "amount" if name == "amount_fen" else name for name in PAYMENT}
    values = [row.values or {} for row in good]
    return pl.DataFrame([{name: row.get(of) for name, of in names.items()} for row in values], schema=PAYMENT)


def _read(
    stream: BinaryIO, context: Context, layout: Layout, frame: Callable[[list[Row]], pl.DataFrame]
) -> Iterator[Parsed | Closing]:
    declared, refused = Declared(), None
    good: list[Row] = []
    rejects: list[Reject] = []
    accepted = rejected = 0
    try:
        for row in rows(stream, layout, declared):
            if row.error is not None:
                rejected += 1
                rejects.append(
                    Reject(context.file, row.record, row.start, row.error.field, row.error.code, str(row.error))
                )
            else:
                accepted += 1
                good.append(row)
            if len(good) + len(rejects) >= BLOCK_ROWS:
                yield Parsed(frame(good), rejects)
                good, rejects = [], []
        yield Parsed(frame(good), rejects)
    except FileRefusedError as error:
        refused = error.reject(context.file)
    yield Closing(
        records=accepted + rejected,
        accepted=accepted,
        rejected=rejected,
        total_fen=declared.sums.get("amount", 0),
        declared_records=declared.count,
        declared_total_fen=declared.totals.get("amount"),
        refused=refused,
    )


def _message_id(layout: Layout, context: Context) -> str | None:
    given = context.settings.get("message_id")
    if isinstance(given, str):
        return given
    match = re.search(layout.filename, context.file) if layout.filename else None
    return match.groupdict().get("message_id") if match else None


def _result(layout: Layout, row: Row, message_id: str | None) -> Result:
    assert row.values is not None
    spec = layout.record.field("result")
    assert spec is not None
    code = row.values["result"]
    assert isinstance(code, str), "the layout was checked: result is required text with values"
    reason = row.values.get("reason")
    amount = row.values.get("amount")
    result = spec.values.get(code) or "unknown"  # a code that is not listed was taken for `otherwise: unknown`
    if result == "rejected" and perhaps_paid(None if reason is None else str(reason)):
        result = "unknown"
    return Result(
        message_id,
        str(row.values["end_to_end_id"]),
        amount if isinstance(amount, int) else None,
        result,
        shown_reason(code, None if reason is None else str(reason)),
        row.record,
        row.start,
        row.end,
    )


def payout_layout(settings: Mapping[str, Any]) -> Layout:
    """The template of payout files; without the setting `layout`, minsheng_payout."""
    return layout_of({"layout": "minsheng_payout"} | dict(settings), "payment")


def result_layout(settings: Mapping[str, Any]) -> Layout:
    """The template of result files; without the setting `layout`, minsheng_result."""
    return layout_of({"layout": "minsheng_result"} | dict(settings), "result")


ADAPTERS = (
    Adapter(
        "bank_template",
        "payout file by a bank's template",
        "payment",
        read_payout,
        write,
        lambda settings: describe(payout_layout(settings)),
        show_layout(payout_layout),
    ),
    Adapter(
        "bank_result",
        "回盘 result file by a bank's template",
        "result",
        read,
        None,
        lambda settings: describe(result_layout(settings)),
        show_layout(result_layout),
    ),
)
