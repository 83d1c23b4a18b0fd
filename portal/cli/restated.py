"""How `puhui inbox` shows a statement that the bank sent again with other lines: what taking it books, or booked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal.cli.common import print_rows
from settlement.model.money import format_yuan

if TYPE_CHECKING:
    from batch.deliveries import Look
    from batch.restated import Taking

_LINES = ("what", "day", "amount", "account", "reference", "text", "it was")
_WAS = {
    "paid": "payment",
    "returned": "return of",
    "sponsor_funds": "funds of",
    "charge": "charge of",
    "interest": "interest of",
}
_MAX_ROWS = 200


def as_dict(seen: Look) -> dict[str, Any]:
    """What is told of a restated statement; {} for any other delivery."""
    if seen.taking is None and not seen.booked and not seen.waiting:
        return {}
    told: dict[str, Any] = {"waiting": seen.waiting}
    if seen.taking is not None:
        told |= _taking(seen.taking)
        told["effect"] = None if seen.effect_fen is None else format_yuan(seen.effect_fen)
    if seen.booked:
        told["booked"] = [
            _line("taken back" if line["ends"] else "added", line, line["amount_fen"]) | {"line": line["line_id"]}
            for line in seen.booked
        ]
    return told


def _taking(taking: Taking) -> dict[str, Any]:
    """Each difference with its lines, and the new lines of the file's other statements."""
    found = []
    for one in taking.differences:
        lines = [_line("taken back", line, -line["amount_fen"]) for line in one.back]
        lines += [_line("added", line, line["amount_fen"]) for line in one.added]
        found.append(
            {
                "account": one.account,
                "statement": one.statement,
                "in_place_of": sorted({day.isoformat() for day in one.dates}),
                "stands_at": format_yuan(one.opening_fen),
                "becomes": format_yuan(one.closing_fen),
                "file_closes_at": format_yuan(one.file_closing_fen),
                "change": format_yuan(one.closing_fen - one.opening_fen),
                "only_lacks_lines": one.is_part,
                "lines": lines,
            }
        )
    return {"differences": found, "new_lines": taking.new_lines, "new_sum": format_yuan(taking.new_fen)}


def _line(what: str, line: dict[str, Any], fen: int) -> dict[str, Any]:
    kind = line.get("kind")
    return {
        "what": what,
        "day": line["booking_date"].isoformat(),
        "amount": format_yuan(fen),
        "account": line["counterparty_masked"],
        "reference": line["reference"] or line["end_to_end_id"],
        "text": line["remittance"],
        "was": f"{_WAS[kind]} {line['subject']}" if kind else None,
    }


def print_told(told: dict[str, Any]) -> None:
    """Prints what `as_dict` gave, if anything."""
    for one in told.get("differences", ()):
        days = ", ".join(one["in_place_of"])
        print(f"\nif {one['statement']} is taken for right, in place of that of {days} (yuan; money in is positive):")
        _print_lines(one["lines"], one["change"])
        print(f"account {one['account']} stands at {one['stands_at']}, then at {one['becomes']}", end="")
        print(f" (with all that came since; the file closes at {one['file_closes_at']})")
        if one["only_lacks_lines"]:
            print("the books have all of its lines: is it an export from before the end of the day?")
        if any((line["was"] or "").startswith("payment") for line in one["lines"]):
            print("a payment taken back is in transit again and a difference (UNPAID), unless it comes again here")
    if told.get("new_lines"):
        print(f"its other statements are new: {told['new_lines']} lines of {told['new_sum']}")
    if told.get("booked"):
        print("\nbooked by the decision:")
        _print_lines(told["booked"], None)


def print_waiting(told: dict[str, Any]) -> None:
    """Prints which files have to come again, if any."""
    if told.get("waiting"):
        names = ", ".join(told["waiting"][:5]) + (" …" if len(told["waiting"]) > 5 else "")
        print(f"refused behind it (GAP), and taken if they come again once this one is in: {names}")


def _print_lines(lines: list[dict[str, Any]], total: str | None) -> None:
    rows = [[line[name] for name in ("what", "day", "amount", "account", "reference", "text", "was")] for line in lines]
    shown = rows[:_MAX_ROWS]
    print_rows(_LINES, [*shown, ("in all", "", total, "", "", "", "")] if total is not None else shown)
    if len(rows) > len(shown):
        print(f"and {len(rows) - len(shown)} more; --json has all")
