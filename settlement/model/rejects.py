"""A data problem as a value: it travels with the result and is never raised."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing that could not be accepted.

    `record` counts records of the file from 1 (0: the file as a whole); `byte` is the offset of the record's first byte
    from 0 (-1: unknown); `line`/`column` are 1-based for text documents (0: unknown). `message` says what is wrong and
    what to write instead. Neither field ever holds a full card number: adapters mask before they build a reject.
    """

    file: str
    record: int
    byte: int
    field: str
    code: str
    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if self.line:
            where = f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")
        else:  # of the file as a whole only the byte says where
            places = [f"record {self.record}"] * bool(self.record) + [f"byte {self.byte}"] * (self.byte >= 0)
            where = ": ".join([self.file, ", ".join(places)] if places else [self.file])
        field = f"{self.field}: " if self.field else ""
        return f"{where}: {field}{self.message} [{self.code}]"


REJECT_SCHEMA: dict[str, type[pl.DataType]] = {
    "file": pl.String,
    "record": pl.Int64,
    "byte": pl.Int64,
    "field": pl.String,
    "code": pl.String,
    "message": pl.String,
}


def reject_frame(rejects: list[Reject]) -> pl.DataFrame:
    """The rejects as a frame with REJECT_SCHEMA, in the given order."""
    rows = [(r.file, r.record, r.byte, r.field, r.code, r.message) for r in rejects]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")
