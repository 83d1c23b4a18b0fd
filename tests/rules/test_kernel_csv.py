"""Lines of awards.csv from arrays: amounts as `format_yuan`, shares as `share_fen`, numbers quoted as CSV asks."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import kernel_csv
from rules.amounts import share_fen
from settlement.model.money import format_yuan
from settlement.model.outcomes import Outcome

near = st.integers(0, 3000)
far = st.integers(0, 2**50)
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


def numbers(shares: list[tuple[str, int]]) -> Any:
    funding = [SimpleNamespace(sponsor=name, share=share) for name, share in shares]
    scheme = SimpleNamespace(scheme="halb-preis", version=7, payee="merchant", funding=funding)
    return SimpleNamespace(terms=[SimpleNamespace(scheme=scheme)], names=["ceiling", "entitlement", "一周一次"])


def written(ids: list[str], rows: list[list[int]], shares: list[tuple[str, int]]) -> list[list[str]]:
    slots: Any = SimpleNamespace(texts=pl.DataFrame({"hq_district": ["姑苏", "sip", ""]}))
    pieces = kernel_csv.pieces_of(numbers(shares), slots)
    out = np.array(rows, np.int64).reshape(-1, 9)
    data = b"".join(kernel_csv.csv_rows(out, kernel_csv.ids_of(pl.Series(ids)), pieces)).decode()
    return list(csv.reader(io.StringIO(data, newline=""), strict=True))


@settings(deadline=None)  # the first call may compile
@given(
    st.lists(st.tuples(IDS, st.one_of(near, far), st.one_of(near, far)), min_size=1),
    st.lists(st.integers(1, 1000), min_size=1, max_size=4),
)
def test_rows_read_as_written(rows: list[tuple[str, int, int]], shares: list[int]) -> None:
    ids = [name for name, _, _ in rows]
    names = ["city", "district", "bank", "店"][: len(shares)]
    numbered = [[n, 1, n % 2, 0, before, before, after, 10, 2] for n, (_, before, after) in enumerate(rows)]
    found = written(ids, numbered, list(zip(names, shares, strict=True)))
    for n, (name, before, after) in enumerate(rows):
        change = [b - a for a, b in zip(share_fen(before, shares), share_fen(after, shares), strict=True)]
        shown = [["姑苏", "sip"][n % 2] if who == "district" else who for who in names]
        sponsors = "|".join(f"{who}={format_yuan(fen)}" for who, fen in zip(shown, change, strict=True))
        assert found[n] == [
            name, "halb-preis", "7", format_yuan(before), format_yuan(after - before), "GRANTED_PARTIAL", "一周一次",
            "merchant", sponsors,
        ]  # fmt: skip


def test_a_row_without_a_scheme_is_blank_where_the_page_says() -> None:
    row = [0, 1, -1, -1, -1, 0, 0, int(Outcome.ORPHAN), -1]
    assert written(["a"], [row], [("city", 1)]) == [["a", "", "", "", "0.00", "ORPHAN", "", "", ""]]


def test_more_rows_than_one_piece() -> None:
    count = kernel_csv.ROWS + 1
    rows = [[n, 1, 0, 0, 5, 0, 5, 11, -1] for n in range(count)]
    found = written([f"t{n}" for n in range(count)], rows, [("city", 1)])
    assert [row[0] for row in found] == [f"t{n}" for n in range(count)]
