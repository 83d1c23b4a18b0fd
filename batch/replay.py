"""A stored night rated again, to explain one transaction; nothing is written.

The replay has what the night had: its transactions, the reference data up to its last import, State at its opening.
So it gives what is stored; where it does not, somebody must look, and `agrees` says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, RowMapping

import rules
from batch.documents import plan_in_force
from batch.run import Run
from batch.steps.rate import opening, resolve, to_input
from rules.yamltext import Place
from settlement.model.cards import mask
from settlement.model.errors import NotFound
from settlement.model.money import format_yuan
from settlement.model.outcomes import Outcome
from settlement.store import rating, reference, replay
from settlement.store.archive import Archive

_SHOWN_BYTES = 2048
_DIGITS = re.compile(r"[0-9]{12,}")
_BCD = re.compile(r"(?:[0-9]{2} ){3,}[0-9]{2}")
_KEPT = {o.name for o in (Outcome.GRANTED, Outcome.GRANTED_PARTIAL, Outcome.CLAWED_BACK, Outcome.REINSTATED)}


def at_night(run: Run, business_date: date, last_import: int) -> Run:
    """`run` as it was in the night of a business date."""
    return replace(run, business_date=business_date, last_import=last_import)


def explained(connection: Connection, run: Run, transaction_id: str) -> dict[str, Any]:
    """Why a stored transaction got what it got (rules.md section 7, portal.md).

    Keys: `transaction`; `rated_on` (the night whose answer counts; for an orphan the night it came); `explanation` (an
    object of rules.explain, whose schemes have `yaml`, the lines of the rule that spoke); `agrees` (the replay gives
    what is stored); `sale` (every award row of its sale); `raw` (file, record, bytes, card numbers masked).
    NotFound: unknown, or taken in by a night that has not rated yet.
    """
    row = replay.transaction(connection, transaction_id)
    ratings = replay.ratings(connection, transaction_id)
    if not ratings:
        raise NotFound(
            f"{transaction_id}: the night of {row['business_date']} has not rated it; "
            f"run `puhui night --date {row['business_date']}` first"
        )
    rated = ratings[-1]
    night = _night(connection, run, rated["business_date"])
    entry = _entry(connection, night, transaction_id)
    sale = replay.sale_awards(connection, rated["sale_id"]) if rated["sale_id"] else []
    return {
        "transaction": _transaction(row, rated, run),
        "rated_on": rated["business_date"].isoformat(),
        "waits": rated["outcome"] == Outcome.ORPHAN,
        "explanation": entry,
        "agrees": _agrees(entry, rated, [one for one in sale if one["transaction_id"] == transaction_id]),
        "sale": [_sale_row(one, run) for one in sale],
        "raw": _raw(run, row),
    }


def _night(connection: Connection, run: Run, business_date: date) -> Run:
    found = replay.rated_nights(connection, business_date, business_date)
    assert len(found) == 1, "a rated row has its night"
    return at_night(run, *found[0])


def _entry(connection: Connection, night: Run, transaction_id: str) -> dict[str, Any]:
    """The transaction's object of rules.explain, as its batch was rated."""
    new = resolve(connection, night, rating.tonight(connection, night.business_date))
    plan = plan_in_force(connection, night)
    one, before = just_before(plan, to_input(new), opening(connection, night, new), transaction_id)
    entries = list(rules.explain(plan, one, before, frozenset({transaction_id})))
    assert len(entries) == 1, "the replay rates what the night rated"
    _point_to_lines(connection, night, entries[0])
    return entries[0]


def just_before(
    plan: rules.Plan, transactions: pl.DataFrame, state: rules.State, transaction_id: str
) -> tuple[pl.DataFrame, rules.State]:
    """(the one transaction as RATE_INPUT, State as it was when its turn came).

    Explaining is the reference's work, which is slow; so the kernel rates the batch to know the order, then what stands
    before the one, and only the one is left to the reference. `state` opens the batch, which has the one among
    `transactions` or among what waits (assert).
    """
    order = rules.rate(plan, transactions, state).transactions["transaction_id"]
    place = order.index_of(transaction_id)
    assert place is not None, "the batch rates it"
    every = pl.concat([transactions, state.waiting])
    earlier = pl.col("transaction_id").is_in(order[:place].implode())
    # what waited and comes after must not come before, as it would when its original is among the earlier ones
    opened = replace(state, waiting=state.waiting.filter(earlier))
    before = rules.rate(plan, transactions.filter(earlier), opened).state
    return every.filter(pl.col("transaction_id") == transaction_id), before


def _transaction(row: RowMapping, rated: RowMapping, run: Run) -> dict[str, Any]:
    return {
        "transaction_id": row["transaction_id"],
        "kind": row["kind"],
        "original": row["original_key"],
        "occurred_at": _local(row["occurred_at"], run),
        "clearing_date": row["clearing_date"].isoformat(),
        "source": row["source"],
        "rail": row["rail"],
        "merchant_no": rated["our_merchant_no"],
        "their_merchant_no": row["merchant_no"],
        "terminal_no": row["terminal_no"],
        "member_no": rated["member_no"],
        "card": row["card_masked"],
        "instrument": rated["instrument"],
        "gross": _yuan(rated["gross_fen"]),
        "claimed": _yuan(row["claimed_fen"]),
        "paid": _yuan(row["paid_fen"]),
    }


def _local(instant: datetime, run: Run) -> str:
    return instant.astimezone(run.config.programme.zone).isoformat(timespec="seconds")


def _yuan(fen: int | None) -> str | None:
    return None if fen is None else format_yuan(fen)


def _agrees(entry: Mapping[str, Any], rated: RowMapping, stored: list[RowMapping]) -> bool:
    """Whether the replay gives the outcome and the award rows that are stored."""
    given = [(a["scheme"], a["version"], a["outcome"], a["granted"]) for a in entry["awards"] if a["outcome"] in _KEPT]
    kept = [(a["scheme"], a["version"], Outcome(a["outcome"]).name, format_yuan(a["granted_fen"])) for a in stored]
    return bool(given == kept and entry["awards"][0]["outcome"] == Outcome(rated["outcome"]).name)


def _sale_row(row: RowMapping, run: Run) -> dict[str, Any]:
    return {
        "transaction_id": row["transaction_id"],
        "kind": row["kind"],
        "occurred_at": _local(row["occurred_at"], run),
        "business_date": row["business_date"].isoformat(),
        "scheme": row["scheme"],
        "version": row["version"],
        "outcome": Outcome(row["outcome"]).name,
        "granted": format_yuan(row["granted_fen"]),
        "statement": row["statement_no"],
    }


# --- the lines of the rule -----------------------------------------------------------------------------------------


def _point_to_lines(connection: Connection, night: Run, entry: dict[str, Any]) -> None:
    """Adds `yaml` to every scheme of the entry: [{file, line, text}] of what gave, lowered or stopped it.

    Awards of refunds have it too, where their scheme says how a refund is settled.
    """
    head, bodies = reference.programme_documents(connection, night.config.programme.name, night.last_import)
    programme = rules.parse_programme(head[1], head[0])
    assert not isinstance(programme, list), "the plan was made from it"
    pools = {pool.name: _lines(programme.place, ("pools", at), *head) for at, pool in enumerate(programme.value.pools)}
    texts: dict[tuple[str, int], tuple[rules.Document[rules.Scheme], str]] = {}
    for file, text in bodies:
        document = rules.parse_scheme(text, file)
        assert not isinstance(document, list), "the plan was made from it"
        texts[document.value.scheme, document.value.version] = document, text
    for scheme in entry["schemes"]:
        document, text = texts[scheme["scheme"], scheme["version"]]
        scheme["yaml"] = _scheme_lines(scheme, document, text, pools)
    for award in entry["awards"]:
        known = texts.get((award["scheme"], award["version"]))
        taken = award["outcome"] in {Outcome.CLAWED_BACK.name, Outcome.REINSTATED.name}
        if known and taken:  # where `refund` is left out, the scheme's own line stands for it
            path = "refund" if "refund" in known[0].place.inside else "scheme"
            award["yaml"] = [_lines(known[0].place, (path,), known[0].file, known[1])]


def _scheme_lines(
    scheme: Mapping[str, Any],
    document: rules.Document[rules.Scheme],
    text: str,
    pools: Mapping[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    if not scheme["candidate"]:
        why = scheme["stopped_by"]
        path = ("effective",) if why == "effective" else ("eligibility", *why.split("."))
        return [_lines(document.place, path, document.file, text)]
    limits = {limit.name: at for at, limit in enumerate(document.value.limits)}
    found = [_lines(document.place, ("benefit",), document.file, text)]
    names = [cut["by"] for cut in scheme["lowered"]]
    for name in [*names, *(n for n in scheme["without"] if n not in names)]:
        if name in limits:
            found.append(_lines(document.place, ("limits", limits[name]), document.file, text))
        elif name in pools and name in document.value.pools:
            found.append(pools[name])
        elif name == "entitlement":
            path = ("eligibility", "requires_entitlement")
            found.append(_lines(document.place, path, document.file, text))
        elif name == "min_grant" and "min_grant" in document.place.inside:
            found.append(_lines(document.place, ("min_grant",), document.file, text))
    if scheme["outcome"] in _KEPT:
        found.append(_lines(document.place, ("funding",), document.file, text))
    return found


def _lines(place: Place, path: tuple[str | int, ...], file: str, text: str) -> dict[str, Any]:
    """Where the value at `path` stands and what is written there; a step that is not written shows its parent."""
    here = place.find(path)
    first = here.key_line or here.line
    written = text.splitlines()[first - 1 : _last_line(here)]
    return {"file": file, "line": first, "text": "\n".join(line.rstrip() for line in written)}


def _last_line(place: Place) -> int:
    return max([place.line, *(_last_line(inner) for inner in place.inside.values())])


# --- the raw record ------------------------------------------------------------------------------------------------


def _raw(run: Run, row: RowMapping) -> dict[str, Any]:
    """The record's place and its bytes as text, or as hexadecimal where they are not text; card numbers masked."""
    size = min(row["byte_end"] - row["byte_start"], _SHOWN_BYTES)
    with Archive(run.home / "archive", run.keys).open(row["sha256"]) as stream:
        stream.seek(row["byte_start"])
        data = stream.read(size)
    return {
        "file": row["file_name"],
        "delivery": row["delivery"],
        "received_at": _local(row["received_at"], run),
        "sha256": row["sha256"],
        "record": row["record"],
        "byte_start": row["byte_start"],
        "byte_end": row["byte_end"],
        "bytes": masked(data),
    }


def masked(data: bytes) -> str:
    """Bytes of a record for people. Digits that may hold a card number are masked, however they are written.

    A run of 12 to 19 digits keeps its first 6 and last 4; in a longer one, and in packed digits, nobody can say where a
    card number begins, so nothing of it is shown.
    """
    text = data.rstrip(b"\r\n").decode("gb18030", errors="replace")
    if not text.isprintable():
        return _BCD.sub(lambda found: re.sub("[0-9]", "*", found.group()), data.hex(" ").upper())
    return _DIGITS.sub(lambda run: mask(run.group()) if len(run.group()) <= 19 else "*" * len(run.group()), text)
