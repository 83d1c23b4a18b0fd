"""The end of a mapped file: total rows and totals in sentences, compared with the records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.feeds.mapping import CsvMapping, End, SpokenTotal
from adapters.layout import LayoutField
from adapters.layout_line import CellError, parse_cell
from adapters.refused import FileRefusedError
from settlement.model.cards import shown_total
from settlement.model.money import parse_amount

GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", re.ASCII)
COMMA = str.maketrans(",.", ".,")  # a comma before the fen becomes a point
_RULE = re.compile(r"[-=_*#+~. ,]+")
Unreadable = dict[str, tuple[int, int]]  # an amount: the first record where it cannot be read, and its byte
Sums = Mapping[tuple[str, str], tuple[int, int]]  # (amount, kind): its sum without signs, and with them


@dataclass(frozen=True, slots=True)
class EndRows:
    """What the end of the file declares, once compared: count of records, unsigned total (of `basis_of`) in fen."""

    count: int | None
    total: int | None


def basis_of(mapping: CsvMapping) -> str:
    """The amount that the closing total is about: paid, or gross where the file has no paid."""
    return "paid" if mapping.column("paid") else "gross"


def sum_of(sums: Sums, amount: str) -> int:
    """The unsigned sum of one amount over all kinds."""
    return sum(value for (name, _), (value, _) in sums.items() if name == amount)


def is_end(mapping: CsvMapping, cells: list[str]) -> bool:
    """True for the row that ends the records; blank cells may stand before its word."""
    return mapping.end is not None and _first(cells).startswith(mapping.end.starts_with)


def _first(cells: list[str]) -> str:
    return next((cell for cell in cells if cell), "")


def may_follow(mapping: CsvMapping, tail: list[list[str]], cells: list[str]) -> bool:
    """True for what may stand behind the end row: the values of its totals, a rule, and lines of the foot.

    Anything else is records that nobody would read, like those of a second file.
    """
    end = mapping.end
    assert end is not None
    if end.where == "next" and len(tail) == 1:
        return True
    if end.where == "none" and _first(cells).startswith(end.starts_with):
        return True  # each line of such a foot begins like the first
    line = ",".join(cells)
    return _RULE.fullmatch(line) is not None or any(re.search(spoken.pattern, line) for spoken in end.spoken)


def check_end(
    mapping: CsvMapping,
    rows: list[tuple[list[str], int]],
    ignored: list[list[str]],
    numbers: Mapping[str, int],
    sums: Sums,
    unreadable: Unreadable,
    *,
    is_workbook: bool = False,
) -> EndRows:
    """Compares what the rows from the end row on (cells, byte) declare, and sentences in rows that were passed over.

    FileRefusedError: missing, unreadable, or another figure.
    """
    tail = [cells for cells, _ in rows]
    end = mapping.end
    if end is None:
        return EndRows(None, None)
    if not tail and end.starts_with:
        if end.required:
            message = f"no row begins with {' or '.join(end.starts_with)}; the file was cut: send it again"
            raise FileRefusedError("TRUNCATED", message)
        return EndRows(None, None)
    count: int | None = None
    total: int | None = None
    written = mapping.model_copy(update={"decimal": "."}) if is_workbook else mapping  # its numbers have a point
    for spec, text in _declared_cells(mapping, end, tail):
        with _standing_at(rows[end.where == "next"][1]):
            value = _value(spec, text, written)
            if spec.declares == "count":
                count = value
                _compare_count(spec.title, value, sum(numbers.values()))
            elif spec.declares == "total":
                total = value if spec.of == basis_of(mapping) else total
                _proven(spec.of, unreadable)
                _compare_total(spec.title, value, [pair for (name, _), pair in sums.items() if name == spec.of])
    for spoken in end.spoken:
        places = [*rows, *((cells, -1) for cells in ignored)]
        spoken_count = _check_spoken(mapping, spoken, places, numbers, sums, unreadable)
        count = spoken_count if count is None and not spoken.kind else count
    return EndRows(count, total)


@contextmanager
def _standing_at(byte: int) -> Iterator[None]:
    """What is refused within has that byte, where it names no place itself."""
    try:
        yield
    except FileRefusedError as error:
        error.byte = byte if error.byte < 0 else error.byte
        raise


def _declared_cells(mapping: CsvMapping, end: End, tail: list[list[str]]) -> list[tuple[LayoutField, str]]:
    if end.where == "none":
        return []
    if end.where == "same":
        cells = tail[0]
        if len(cells) < len(end.fields):
            raise FileRefusedError("BAD_TRAILER", f"the end row has {len(cells)} cells; {len(end.fields)} are expected")
        return list(zip(end.fields, cells, strict=False))
    if len(tail) < 2:
        raise FileRefusedError(
            "TRUNCATED", "the row of totals behind the last heading row is missing; send the file again"
        )
    headings, values = mapping.titled(tail[0]), tail[1]
    given = headings[: len(values)]
    absent = [spec.title for spec in end.fields if spec.title not in given]
    if absent:
        raise FileRefusedError("BAD_TRAILER", f"the totals lack {', '.join(absent)}; send the file again")
    return [(spec, values[headings.index(spec.title)]) for spec in end.fields]


def _value(spec: LayoutField, text: str, mapping: CsvMapping) -> int | None:
    if spec.type in {"amount", "count"}:
        text = bare_amount(mapping, text)
    try:
        value = parse_cell(spec, text, spec.unit or mapping.unit)
    except CellError as error:
        raise FileRefusedError("BAD_TRAILER", f"the end row cannot be read: {error}", name=spec.name) from None
    if spec.declares and not isinstance(value, int):
        raise FileRefusedError("BAD_TRAILER", f"the end row declares no {spec.declares}", name=spec.name)
    return abs(value) if isinstance(value, int) else None


def bare_amount(mapping: CsvMapping, text: str) -> str:
    """An amount without the currency mark that stands before its digits, and without separators of thousands."""
    text = text.translate(COMMA) if mapping.decimal == "," else text
    sign, digits = (text[:1], text[1:]) if text[:1] in {"+", "-"} else ("", text)
    text = sign + digits.removeprefix(mapping.money_mark)
    return text.replace(",", "") if mapping.thousands and GROUPED.fullmatch(text) else text


def _proven(name: str, unreadable: Unreadable) -> None:
    if name in unreadable:
        record, byte = unreadable[name]
        message = "an amount under a declared total cannot be read, so the total cannot be proved; correct the file"
        raise FileRefusedError("TOTAL_UNPROVEN", message, byte, record, name)


def _compare_count(title: str, declared: int | None, have: int) -> None:
    if declared != have:
        message = f"the end of the file declares {title} {declared} records and it has {have}; correct the file"
        raise FileRefusedError("COUNT_MISMATCH", " ".join(message.split()))


def _compare_total(title: str, declared: int | None, sums: list[tuple[int, int]]) -> None:
    """A wallet sums amounts without their signs, or fees less the fees given back: either proves its records."""
    have, net = (sum(pair[place] for pair in sums) for place in (0, 1))
    if declared not in {have, abs(net)}:
        said = "nothing" if declared is None else shown_total(declared)
        has = shown_total(have) + (f" (net {shown_total(abs(net))})" if abs(net) != have else "")
        message = f"the end of the file declares {title} {said} yuan and its records have {has}; correct the file"
        raise FileRefusedError("TOTAL_MISMATCH", " ".join(message.split()))


def _check_spoken(
    mapping: CsvMapping,
    spoken: SpokenTotal,
    rows: list[tuple[list[str], int]],
    numbers: Mapping[str, int],
    sums: Sums,
    unreadable: Unreadable,
) -> int | None:
    """Compares a total in a sentence; the count that it declares."""
    met = ((re.search(spoken.pattern, ",".join(cells)), byte) for cells, byte in rows)
    found, byte = next(((match, byte) for match, byte in met if match), (None, -1))
    if found is None:
        raise FileRefusedError("BAD_TRAILER", "a total at the end is missing or written otherwise; send the file again")
    with _standing_at(byte):
        return _compare_spoken(mapping, spoken, found, numbers, sums, unreadable)


def _compare_spoken(
    mapping: CsvMapping,
    spoken: SpokenTotal,
    found: re.Match[str],
    numbers: Mapping[str, int],
    sums: Sums,
    unreadable: Unreadable,
) -> int | None:
    groups = {name: text for name, text in found.groupdict().items() if text is not None}
    kinds = [spoken.kind] if spoken.kind else list(numbers)
    try:
        count = int(bare_amount(mapping, groups.pop("count"))) if "count" in groups else None
        amounts = {spoken.of if name == "total" else name: bare_amount(mapping, text) for name, text in groups.items()}
        totals = {name: parse_amount(text) for name, text in amounts.items()}
    except ValueError:
        message = "a count or total at the end is not a number; correct the file"
        raise FileRefusedError("BAD_TRAILER", message) from None
    if count is not None:
        _compare_count(spoken.kind, count, sum(numbers.get(kind, 0) for kind in kinds))
    for name, total in totals.items():
        _proven(name, unreadable)
        column = mapping.column(name)
        title = f"{spoken.kind} {column.title if column else name}"
        _compare_total(title, total, [sums.get((name, kind), (0, 0)) for kind in kinds])
    return count
