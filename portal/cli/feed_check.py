"""What `puhui feed check` finds in a file and how it tells: figures, rejects with their bytes, the receipt.

The receipt is the one that a night would write, but for what only the database knows: the head of the digest chain,
and what earlier files brought (`--against` gives one of them).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import polars as pl

from adapters.accounts.statement import mask_cards, out_of_balance
from adapters.base import Adapter, Closing, Parsed
from adapters.description import columns
from adapters.documents.receipt import Receipt, Status, receipt_json, receipt_name
from adapters.remedies import REMEDY
from adapters.shown import Shown
from batch.differences import Judged, changes, judge
from batch.refusals import (
    bad_row,
    block_sums,
    doubt,
    in_order,
    once,
    statement_sums,
    statement_wrong,
    twice_in_file,
)
from portal import clock
from portal.cli.common import print_rows
from settlement.model.errors import BadInput
from settlement.model.money import format_yuan
from settlement.model.rejects import Reject

MAX_SHOWN = 1000
MAX_ROWS = 200
_WIDTH, _BEFORE = 110, 40
_ZONE = "Asia/Shanghai"
_CONTENT = ("kind", "original_key", "merchant_no", "card_token", "card_masked", "gross_fen", "paid_fen", "claimed_fen")
# what is looked at of rows whose keys stand more than once
REPEATED = ("transaction_id", "record", "byte_start", "currency", *_CONTENT)
# gives -> (columns that group what is accepted, the amount that is summed)
_GROUPS = {
    "transaction": (("kind", "currency"), "paid_fen"),
    "statement": (("statement", "account", "currency", "opening_fen", "closing_fen"), "amount_fen"),
    "result": (("result",), "amount_fen"),
    "payment": ((), "amount_fen"),
}
# what goes before the others of its column
_FIRST = {"SALE": ""}


@dataclass(slots=True)
class Findings:
    """What a read of one file found. `kept` has the accepted rows where `keep` asks for them.

    `ids`: a number for the key of each transaction, so that those that stand twice are found without holding the rows.
    `whole`, `accounts`: what puhui.toml says of the source. `remarks`: what is told beside the reader's notes.
    """

    name: str
    sha256: str
    adapter: Adapter
    keep: bool = False
    whole: bool = False
    accounts: frozenset[str] | None = None
    remarks: list[str] = field(default_factory=list)
    accepted: int = 0
    rejects: list[Reject] = field(default_factory=list)
    more: int = 0
    codes: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: list[pl.DataFrame] = field(default_factory=list)
    sums: list[pl.DataFrame] = field(default_factory=list)  # of statements
    kept: list[pl.DataFrame] = field(default_factory=list)
    ids: list[pl.Series] = field(default_factory=list)
    closing: Closing | None = None
    compared: Compared | None = None
    repeated: Judged | None = None

    def take(self, item: Parsed | Closing) -> None:
        """Counts one block, or the closing."""
        if isinstance(item, Closing):
            refused = bad_row(self.rejects) if self.whole and self.adapter.gives == "result" else None
            self.closing = item if item.refused or not refused else replace(item, refused=refused)
            return
        self.accepted += item.frame.height
        room = MAX_SHOWN - len(self.rejects)
        self.rejects += item.rejects[:room]
        self.more += max(len(item.rejects) - room, 0)
        self.codes.update((reject.code, reject.field) for reject in item.rejects)
        if item.frame.height:
            self.groups.append(_grouped(item.frame, self.adapter.gives))
            if self.adapter.gives == "statement":
                self.sums.append(block_sums(item.frame))
        if self.keep:
            self.kept.append(item.frame)
        elif self.adapter.gives == "transaction":
            self.ids.append(item.frame["transaction_id"].hash())

    @property
    def exit_code(self) -> int:
        """0 all accepted, 1 rejects, conflicts or balances that do not add up, 2 refused."""
        assert self.closing is not None, "a reader ends with its Closing"
        if self.closing.refused is not None:
            return 2
        wrong = self.rejects or self.closing.rejected or out_of_balance(self.closing.notes)
        conflict = self.compared is not None and self.compared.status == "CONFLICT"
        return 1 if wrong or conflict else 0

    @property
    def check_code(self) -> int:
        """`exit_code`, but 1 too for what `convert` writes and the night refuses or holds.

        That is a statement without a balance or of no account of the source, or a key that stands twice with other
        content.
        """
        conflict = self.repeated is not None and self.repeated.conflict.height > 0
        return self.exit_code or int(self.held is not None or conflict)

    def twice(self) -> pl.Series:
        """The numbers of keys that stand more than once in the file."""
        ids = pl.concat(self.ids) if self.ids else pl.Series([], dtype=pl.UInt64)
        return ids.filter(ids.is_duplicated()).unique()

    def told_repeated(self) -> list[Reject]:
        """The rows of `repeated` without effect, as many of each kind as are shown; of statements those there twice."""
        if self.repeated is None:
            whole = self.adapter.gives == "statement" and not self.check_code
            return [twice_in_file(row) for row in self.copies()[:MAX_SHOWN]] if whole else []
        same, other = self.repeated.duplicate[:MAX_SHOWN], self.repeated.conflict[:MAX_SHOWN]
        return replace(self.repeated, duplicate=same, conflict=other).rejects()

    def judge_repeated(self, rows: pl.DataFrame, *, copies: bool) -> None:
        """What the night makes of rows whose keys stand more than once; `copies`: in a clearing file they count."""
        nothing = pl.Series("id", [], dtype=pl.String)
        empty = rows.select("transaction_id", *_CONTENT).clear()
        self.repeated = judge(rows, empty, nothing, empty, again=False, copies=copies, content=_CONTENT)

    @property
    def held(self) -> Reject | None:
        """For what the night takes nothing of statements that can be read; None where it does, or they are no such."""
        assert self.closing is not None
        if self.adapter.gives != "statement" or self.closing.refused is not None:
            return None
        if self.rejects:
            return bad_row(self.rejects)
        wrong = doubt(self.closing.notes)
        closings: dict[str, int] = {}
        for row in in_order(once(statement_sums(self.sums))[0], {}) if self.accounts is not None else ():
            wrong = wrong or statement_wrong(row, self.accounts or (), closings.get(row["account"]))
            closings[row["account"]] = row["closing_fen"]
        return Reject(self.name, 0, -1, "", *wrong) if wrong else None

    def copies(self) -> list[dict[str, Any]]:
        """The statements that stand twice in the file: each counts once."""
        return once(statement_sums(self.sums))[1]

    def lines(self) -> list[str]:
        """Rejects, notes and the refusal, a line each."""
        assert self.closing is not None
        out = [str(reject) for reject in self.rejects]
        out += [f"{self.more} more rejects are not shown"] * bool(self.more)
        out += [f"{self.name}: {line}" for line in self.closing.notes]
        return out + ([f"refused: {self.closing.refused}"] if self.closing.refused else [])


@dataclass(frozen=True, slots=True)
class Compared:
    """A file against the delivery before it: what the night would make of it, and every key that is not the same."""

    status: Status
    message: str
    accepted: int
    duplicate: int
    quarantined: int
    rejects: list[Reject]
    rows: pl.DataFrame
    changes: pl.DataFrame | None


def compare(before: Findings, now: Findings) -> Compared | None:
    """What a delivery would change where `before` was taken; None where it is refused as a whole anyway.

    BadInput: not transactions, or the earlier file is refused itself.
    """
    if now.adapter.gives != "transaction":
        raise BadInput(f"--against: compares transactions; {now.adapter.name} gives none")
    if before.closing is None or before.closing.refused is not None:
        raise BadInput(f"--against {before.name}: is refused as a whole; give the delivery that was accepted")
    if now.sha256 == before.sha256:
        message = "the same bytes as the delivery before; nothing would be done"
        return Compared("DUPLICATE", message, 0, 0, 0, [], pl.DataFrame(), None)
    if now.closing is None or now.closing.refused is not None:
        return None
    old, new = (pl.concat(side.kept) if side.kept else pl.DataFrame() for side in (before, now))
    if old.is_empty() or new.is_empty():
        raise BadInput("--against: one of the files has no accepted row; there is nothing to compare")
    old, first = (side.unique("transaction_id", keep="first", maintain_order=True) for side in (old, new))
    key = pl.col("transaction_id")
    gone = old.filter(~key.is_in(first["transaction_id"].implode()))
    names = ["transaction_id", *_CONTENT]
    nothing = pl.Series("id", [], dtype=pl.String)
    judged = judge(new, old.select(names), nothing, gone.select(names), again=True, content=_CONTENT)
    status, _, why = judged.status(now.closing.rejected)
    renamed = [side.rename({"transaction_id": "key"}) for side in (old, first)]
    return Compared(
        str(status),  # type: ignore[arg-type]  # its values are the literals
        why or "the rows of the delivery before, and new ones",
        judged.accepted.height,
        judged.duplicate.height,
        judged.conflict.height + judged.held.height,
        judged.rejects(),
        judged.accepted,
        changes(renamed[0], renamed[1], _CONTENT),
    )


def _grouped(frame: pl.DataFrame, gives: str) -> pl.DataFrame:
    """(group columns, records, total_fen) of a block."""
    by, amount = _GROUPS[gives]
    lines = pl.col("line").is_not_null().sum() if gives == "statement" else pl.len()
    total = pl.col(amount).sum()
    counted = [lines.cast(pl.Int64).alias("records"), total.alias("total_fen")]
    return frame.group_by(by, maintain_order=True).agg(counted) if by else frame.select(counted)


# --- printing --------------------------------------------------------------------------------------------------------


def print_findings(findings: Findings, stream: BinaryIO, settings: dict[str, Any], *, as_json: bool) -> None:
    """The report of `check`: figures, what would be accepted, rejects with their bytes, and the receipt."""
    closing = findings.closing
    assert closing is not None
    receipt = _receipt(findings, closing)
    accepted = _accepted(findings)
    if as_json:
        notes = [*closing.notes, *findings.remarks]
        body = json.loads(receipt_json(receipt)) | {"format": findings.adapter.name, "notes": notes}
        body["accepted_by"] = accepted
        for entry, reject in zip(body["rejects"], receipt.rejects, strict=True):
            shown = _shown(findings, stream, settings, reject)
            entry["bytes"], entry["remedy"] = (shown.text if shown else None), REMEDY.get(reject.code)
        body["changes"] = _changes(findings)
        print(json.dumps(body, ensure_ascii=False, indent=1))
        return
    print(f"{findings.name} as {findings.adapter.name}: {receipt.status}")
    _print_figures(closing, receipt)
    if accepted:
        print("\nwould be accepted:" if receipt.accepted else "\nwhat can be read:")
        print_rows(list(accepted[0]), [list(row.values()) for row in accepted[:MAX_ROWS]])
    if findings.compared is not None:
        _print_compared(findings, findings.compared)
    _print_rejects(findings, closing, stream, settings)
    told = findings.held.message if findings.held else ""
    for line in (line for line in (*closing.notes, *findings.remarks) if line != told):
        print(f"note: {line}")
    print(f"\nreceipt {receipt_name(findings.name, receipt.delivery)}:")
    print(receipt_json(receipt).decode(), end="")


def _print_figures(closing: Closing, receipt: Receipt) -> None:
    print_rows(
        ("", "records", "total"),
        [
            ("read", closing.records, _yuan(closing.total_fen)),
            ("declared", _said(closing.declared_records), _yuan(closing.declared_total_fen)),
        ],
    )
    more = receipt.delivery > 1 or receipt.duplicate or receipt.quarantined
    held = f", duplicate {receipt.duplicate}, held {receipt.quarantined}" if more else ""
    print(f"accepted {receipt.accepted}, rejected {receipt.rejected}, skipped {receipt.skipped}{held}")


def _print_compared(findings: Findings, compared: Compared) -> None:
    print(f"\nagainst the delivery before: {compared.status}: {compared.message}")
    rows = _changes(findings)
    if rows and len(rows) > 1:  # the last is the sum
        print_rows(list(rows[0]), [list(row.values()) for row in rows[:MAX_ROWS]])
        if len(rows) > MAX_ROWS + 1:
            print(f"and {len(rows) - MAX_ROWS} more; --json has all")


def _changes(findings: Findings) -> list[dict[str, Any]] | None:
    """Every key that is not the same, and the sum; None where nothing was compared."""
    changes = findings.compared.changes if findings.compared else None
    if changes is None:
        return None
    rows = [
        {
            "key": row["key"],
            "kind": row["kind"],
            "what": row["action"],
            "record": row["record"],
            "before": None if row["action"] == "added" else format_yuan(row["was_fen"]),
            "now": None if row["action"] == "vanished" else format_yuan(row["now_fen"]),
            "change": format_yuan(row["now_fen"] - row["was_fen"]),
        }
        for row in changes.iter_rows(named=True)
    ]
    total = int((changes["now_fen"] - changes["was_fen"]).sum())
    return [*rows, {"key": "in all", **dict.fromkeys(("kind", "what", "record", "before", "now")),
                    "change": format_yuan(total)}]  # fmt: skip


def _print_rejects(findings: Findings, closing: Closing, stream: BinaryIO, settings: dict[str, Any]) -> None:
    if findings.codes:
        by = ", ".join(f"{count} {code}" + (f" in {name}" if name else "")
                       for (code, name), count in findings.codes.most_common(10))  # fmt: skip
        print(f"\nrejects: {findings.codes.total()} ({by})")
    for reject in (*findings.rejects, *findings.told_repeated()):
        print(replace(reject, file=findings.name))
        _print_bytes(_shown(findings, stream, settings, reject), reject)
    if findings.more:
        print(f"{findings.more} more rejects are not shown")
    if findings.held is not None:
        print(f"\nthe night takes nothing of it: {findings.held}")
        _print_bytes(None, findings.held)
    if closing.refused is not None:
        print(f"\nrefused: {closing.refused}")
        _print_bytes(_shown(findings, stream, settings, closing.refused), closing.refused)


def _shown(findings: Findings, stream: BinaryIO, settings: dict[str, Any], reject: Reject) -> Shown | None:
    return findings.adapter.show(stream, reject, settings) if reject.byte >= 0 else None


def _print_bytes(shown: Shown | None, reject: Reject) -> None:
    """The remedy, what belongs there, the line (cut around the wrong place where it is long), marks below it."""
    if reject.code in REMEDY:
        print(f"    remedy: {REMEDY[reject.code]}")
    if shown is None or not shown.text:
        return
    if shown.about:
        print(f"    {shown.about}")
    text, start, end = shown.text, shown.start, max(shown.end, shown.start)
    if columns(text) > _WIDTH:
        first = max(0, min(start - _BEFORE, len(text) - _WIDTH))
        last = max(end, first + _WIDTH - 2)
        head, tail = "…" if first else "", "…" if last < len(text) else ""
        text = head + text[first:last] + tail
        start, end = start - first + len(head), end - first + len(head)
    print(f"    {text}")
    if end > start:
        print("    " + " " * columns(text[:start]) + "^" * max(columns(text[start:end]), 1))


def _accepted(findings: Findings) -> list[dict[str, Any]]:
    """What is accepted, by its groups."""
    groups = findings.groups
    if findings.compared is not None:
        rows = findings.compared.rows
        groups = [_grouped(rows, findings.adapter.gives)] if rows.height else []
    elif findings.repeated is not None:
        less = pl.concat([findings.repeated.duplicate, findings.repeated.conflict])
        away = _grouped(less, findings.adapter.gives).with_columns(-pl.col("records", "total_fen"))
        groups = [*groups, away]
    if not groups:
        return []
    by, _ = _GROUPS[findings.adapter.gives]
    sums = [pl.col("records").sum(), pl.col("total_fen").sum()]
    together = pl.concat(groups)
    table = together.group_by(by, maintain_order=True).agg(sums) if by else together.select(sums)
    if findings.adapter.gives in {"transaction", "result"}:  # sales first, whatever the file begins with
        table = table.sort(*(pl.col(name).replace(_FIRST) for name in by))
    for copy in findings.copies():
        table = table.filter((pl.col("account") != copy["account"]) | (pl.col("statement") != copy["statement"]))
    if "account" in table.columns:  # that of a debit card is the card's number
        table = table.with_columns(pl.col("account").map_elements(mask_cards, return_dtype=pl.String))
    return [
        {name.removesuffix("_fen"): _yuan(value) if name.endswith("_fen") else value for name, value in row.items()}
        for row in table.iter_rows(named=True)
    ]


def _said(value: int | None) -> str:
    return "nothing" if value is None else str(value)


def _yuan(value: int | None) -> str:
    return "nothing" if value is None else format_yuan(value)


def _receipt(findings: Findings, closing: Closing) -> Receipt:
    """The receipt of this delivery: the first of its name, or the second where it was compared."""
    refused, now, compared = closing.refused, clock.now(), findings.compared
    held = findings.held
    repeated = findings.repeated if compared is None and refused is None else None
    told = compared.rejects if compared else findings.told_repeated() if refused is None else []
    rejects = [*findings.rejects, *told, *[r for r in (refused, held) if r is not None]]
    status: Status = "ACCEPTED" if findings.check_code == 0 else "PARTIAL"
    accepted, records, rejected = closing.accepted, closing.records, closing.rejected
    if refused is not None or (findings.adapter.gives == "statement" and findings.check_code):
        status, accepted, rejected = "REJECTED", 0, closing.records  # a statement is taken whole or not at all
    duplicate, quarantined = (compared.duplicate, compared.quarantined) if compared else (0, 0)
    if repeated is not None:
        duplicate, quarantined = repeated.duplicate.height, repeated.conflict.height
        accepted -= duplicate + quarantined
    if status != "REJECTED" and findings.adapter.gives == "statement":
        duplicate = sum(row["entries"] for row in findings.copies())
        accepted -= duplicate
    if compared is not None:
        status, accepted = compared.status, compared.accepted
        if compared.changes is None:
            records = rejected = 0  # the same bytes are not read again
    return Receipt(
        name=findings.name,
        delivery=1 if compared is None else 2,
        sha256=findings.sha256,
        received_at=now,
        status=status,
        business_date=closing.clearing_date or now.astimezone(ZoneInfo(_ZONE)).date(),  # as `timezone` of Receipt
        records_read=records,
        records_declared=closing.declared_records,
        total_read_fen=closing.total_fen,
        total_declared_fen=closing.declared_total_fen,
        accepted=accepted,
        rejected=rejected,
        duplicate=duplicate,
        quarantined=quarantined,
        rejects=tuple(sorted(rejects, key=lambda r: (r.record, r.byte, r.field, r.code, r.message))),
        chain_head="",
    )
