"""Which item of ours is which item of theirs (reconciliation.md, "Matching"), in columns.

The problem: two lists name the same sales and refunds under different keys, with late, missing, doubled and altered
items. Passes run in a fixed order, and each claims a pair only where it is the only candidate on both sides, so that
the result does not depend on the order of rows. Example: ours has rrn 1 of 10.00, theirs has rrn 1 of 11.00 and rrn 2
of 10.00: `exact` claims nothing, `reference` claims rrn 1 with rrn 1 as AMOUNT_MISMATCH, and their rrn 2 is left alone.

    exact      rrn, terminal, stan, amount
    reference  rrn, else (terminal, stan, local date), the same direction of money, any amount
    near       card or its last four, amount, merchant, time within minutes
    carry      the same three, with what earlier nights left open
    reference  once more with the opposite direction: a sale here is a void there (STATUS_MISMATCH)

The last comes after `carry`, since a void that repeats its sale's rrn must not take the sale from yesterday's item. A
round that claims something is run again, as it may leave another item with a single candidate. Rejected: pairing equal
items by order of time, which would hide a wrong pair behind a right total. `grouped` is not built yet; its place is
between near and carry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from settlement.model.frames import INSTANT, Schema, conform, empty

# One item of one side. `amount_fen`: what was paid, a sale positive, all else negative. `original_id`: the item of the
# same side that it undoes. `merchant_no`: the source's number, as both sides write it. `card_id` is null where a side
# shows a mask only; then `card_tail` (last 4) is compared.
RECON_ITEM: Schema = {
    "item_id": pl.String,
    "kind": pl.String,
    "original_id": pl.String,
    "clearing_date": pl.Date,
    "occurred_at": INSTANT,
    "rrn": pl.String,
    "terminal_no": pl.String,
    "stan": pl.String,
    "amount_fen": pl.Int64,
    "card_id": pl.Int64,
    "card_tail": pl.String,
    "merchant_no": pl.String,
    "business_date": pl.Date,
}
# `key`: the values that made the match, name=value joined by |. `result`: BALANCED AMOUNT_MISMATCH STATUS_MISMATCH.
MATCH: Schema = {
    "ours_id": pl.String,
    "theirs_id": pl.String,
    "pass": pl.String,
    "result": pl.String,
    "key": pl.String,
}
# Tonight's items without a match. `state`: single, ambiguous or duplicate; `others`: the candidates of the other side,
# or the item of its own side that a duplicate repeats; at most CANDIDATES of them, joined by a blank.
LEFT: Schema = {"item_id": pl.String, "state": pl.String, "others": pl.String}

CANDIDATES = 5
_NUMBERS = ("rrn", "terminal_no", "stan")
_CONTENT = ("kind", "rrn", "terminal_no", "stan", "amount_fen", "occurred_at", "card_id", "card_tail", "merchant_no")


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to recognise an item: `keys` are equal and given, or, those of `blank`, blank on both sides."""

    name: str
    keys: tuple[str, ...]
    blank: tuple[str, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()  # one of these groups must be given whole
    near_seconds: int = 0
    opposite: bool = False


@dataclass(frozen=True, slots=True)
class Matching:
    """Pairs (MATCH) and, of tonight's items of each side, those without one (LEFT)."""

    matches: pl.DataFrame
    ours_left: pl.DataFrame
    theirs_left: pl.DataFrame


_EXACT = Rule("exact", ("rrn", "terminal_no", "stan", "amount_fen"), _NUMBERS, (("rrn",), ("terminal_no", "stan")))
_BY_RRN = ("rrn", "direction")
_BY_STAN = ("terminal_no", "stan", "local_date", "direction")


def rules(near_minutes: int) -> tuple[Rule, ...]:
    """The rules of the passes that look for the same item, in their order."""
    seconds = near_minutes * 60
    return (
        _EXACT,
        Rule("reference", _BY_RRN),
        Rule("reference", _BY_STAN),
        Rule("near", ("card_id", "amount_fen", "merchant_no"), near_seconds=seconds),
        Rule("near", ("card_tail", "amount_fen", "merchant_no"), near_seconds=seconds),
    )


OPPOSITE = (Rule("reference", _BY_RRN, opposite=True), Rule("reference", _BY_STAN, opposite=True))


def match(
    ours: pl.DataFrame,
    theirs: pl.DataFrame,
    ours_open: pl.DataFrame,
    theirs_open: pl.DataFrame,
    *,
    near_minutes: int,
    zone: str,
) -> Matching:
    """Pairs tonight's items of both sides, with what is still open of earlier nights (all RECON_ITEM, ids unique).

    Every item of tonight is in `matches` or in its side's `left`, exactly once; an open one in `matches` or nowhere.
    """
    sides = [_prepared(fresh, zone) for fresh in (ours, theirs)]
    doubled = [_doubled(side) for side in sides]
    fresh = [side.join(twice, on="item_id", how="anti") for side, twice in zip(sides, doubled, strict=True)]
    looked = rules(near_minutes)
    found, left = _rounds(fresh[0], fresh[1], looked)
    older = [_prepared(frame, zone).with_columns(old=True) for frame in (ours_open, theirs_open)]
    pools = [pl.concat([side, old]) for side, old in zip(left, older, strict=True)]
    carried, left = _rounds(pools[0], pools[1], looked)
    undone, left = _rounds(left[0], left[1], OPPOSITE)
    ours_candidates, theirs_candidates = _candidates(left[0], left[1], looked)
    return Matching(
        matches=conform(pl.concat([*found, *carried, *undone, empty(MATCH)]).sort("ours_id"), MATCH),
        ours_left=_left(left[0], ours_candidates, doubled[0]),
        theirs_left=_left(left[1], theirs_candidates, doubled[1]),
    )


def _prepared(items: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Items with the columns that rules join on; numbers of blanks or zeros say nothing and become null."""
    numbers = [pl.when(~pl.col(n).str.contains(r"^[0 ]*$")).then(pl.col(n)).alias(n) for n in _NUMBERS]
    return conform(items, RECON_ITEM).with_columns(
        *numbers,
        direction=pl.when(pl.col("kind") == "SALE").then(1).otherwise(-1),
        local_date=pl.col("occurred_at").dt.convert_time_zone(zone).dt.date(),
        old=pl.lit(value=False),
    )


def _doubled(side: pl.DataFrame) -> pl.DataFrame:
    """Items of one side that repeat another: item_id, and `others`, the one that is kept (lowest key without #).

    A second copy in one file has the key of the first and #2; content repeated under another key is a copy too, where
    there is a number to tell two equal sales apart.
    """
    copy = pl.col("item_id").str.extract(r"^(.*)#[0-9]+$", 1)
    marked = side.with_columns(base=copy).with_columns(marked=pl.col("base").is_not_null())
    told = marked.filter(pl.col("rrn").is_not_null() | pl.col("stan").is_not_null())
    twice = told.filter(told.select(_CONTENT).is_duplicated()).sort("marked", "item_id")
    first = pl.col("item_id").first().over(_CONTENT)
    content = twice.with_columns(others=first).filter(pl.col("item_id") != pl.col("others"))
    named = marked.filter(pl.col("base").is_in(side["item_id"].implode())).with_columns(others="base")
    both = pl.concat([named.select("item_id", "others"), content.select("item_id", "others")])
    return both.unique("item_id", keep="first", maintain_order=True)


def _rounds(
    ours: pl.DataFrame, theirs: pl.DataFrame, looked: tuple[Rule, ...]
) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """Pairs (MATCH frames) that the rules claim until none claims more, and what is left of each side."""
    found: list[pl.DataFrame] = []
    claimed = True
    while claimed and ours.height and theirs.height:
        claimed = False
        for rule in looked:
            pairs = _claim(ours, theirs, rule)
            if pairs.is_empty():
                continue
            claimed = True
            found.append(pairs)
            ours = ours.join(pairs, left_on="item_id", right_on="ours_id", how="anti", maintain_order="left")
            theirs = theirs.join(pairs, left_on="item_id", right_on="theirs_id", how="anti", maintain_order="left")
    return found, [ours, theirs]


def _usable(side: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Items that have what the rule compares; keys that may be blank are then "", which equals itself."""
    given = [pl.col(key).is_not_null() for key in rule.keys if key not in rule.blank]
    if rule.needs:
        given.append(
            pl.any_horizontal(pl.all_horizontal(pl.col(k).is_not_null() for k in group) for group in rule.needs)
        )
    return side.filter(given).with_columns(pl.col(key).fill_null("") for key in rule.blank)


def _seen_from_ours(theirs: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    return theirs.with_columns(-pl.col("direction")) if rule.opposite else theirs


def _claim(ours: pl.DataFrame, theirs: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """MATCH rows of the pairs in which each item is the other's only candidate under the rule."""
    a, b = _usable(ours, rule), _seen_from_ours(_usable(theirs, rule), rule)
    if rule.name == "near":
        pairs = _near_pairs(a, b, rule).filter(
            ~pl.col("item_id").is_duplicated() & ~pl.col("item_id_theirs").is_duplicated()
        )
    else:
        # only keys that are unique on both sides are joined: a number repeated everywhere cannot multiply rows
        alone = [side.filter(~side.select(rule.keys).is_duplicated()) for side in (a, b)]
        pairs = alone[0].join(alone[1], on=rule.keys, how="inner", suffix="_theirs", coalesce=True)
    return _as_match(pairs, rule)


def _near_pairs(ours: pl.DataFrame, theirs: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """All pairs within the time: both are cut into spans as long as it, and a span meets itself and its neighbours."""
    width = max(rule.near_seconds, 1)
    second = pl.col("occurred_at").dt.epoch("s")
    spans = ours.with_columns(span=pl.concat_list([second // width + n for n in (-1, 0, 1)])).explode("span")
    met = spans.join(
        theirs.with_columns(span=second // width), on=[*rule.keys, "span"], how="inner", suffix="_theirs", coalesce=True
    )
    apart = (pl.col("occurred_at") - pl.col("occurred_at_theirs")).abs()
    # equal last fours of two cards that are both known and differ are no hint
    theirs_card = "card_id" if "card_id" in rule.keys else "card_id_theirs"
    one_card = (pl.col("card_id") == pl.col(theirs_card)).fill_null(value=True)
    return met.filter(apart <= pl.duration(seconds=rule.near_seconds), one_card)


def _as_match(pairs: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    amount = pl.col("amount_fen") == pl.col("amount_fen" if "amount_fen" in rule.keys else "amount_fen_theirs")
    result = pl.when(pl.lit(rule.opposite)).then(pl.lit("STATUS_MISMATCH"))
    old = pl.col("old") | pl.col("old_theirs")
    values = [pl.format("{}={}", pl.lit(k), pl.col(k).cast(pl.String).fill_null("")) for k in rule.keys]
    if rule.near_seconds:
        apart = (pl.col("occurred_at_theirs") - pl.col("occurred_at")).dt.total_seconds()
        values.append(pl.format("seconds_apart={}", apart))
    named = pl.when(old).then(pl.lit(f"rule={rule.name}|")).otherwise(pl.lit(""))
    return pairs.select(
        ours_id="item_id",
        theirs_id="item_id_theirs",
        **{"pass": pl.when(old).then(pl.lit("carry")).otherwise(pl.lit(rule.name))},
        result=result.when(amount).then(pl.lit("BALANCED")).otherwise(pl.lit("AMOUNT_MISMATCH")),
        key=pl.concat_str([named, pl.concat_str(values, separator="|")]),
    )


def _candidates(
    ours: pl.DataFrame, theirs: pl.DataFrame, looked: tuple[Rule, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of each side (item_id, others): the items that still have candidates, with the first of them."""
    if ours.is_empty() or theirs.is_empty():
        none = empty({"item_id": pl.String, "others": pl.String})
        return none, none
    return _named_by(list(_met(ours, theirs, looked))), _named_by(list(_met(theirs, ours, looked)))


def _met(side: pl.DataFrame, other: pl.DataFrame, looked: tuple[Rule, ...]) -> Iterator[pl.DataFrame]:
    """Per rule (item_id, others: list): the first candidates of each item; keys are grouped before the join."""
    for rule in looked:
        a, b = _usable(side, rule), _usable(other, rule)
        if rule.name == "near":
            met = _near_pairs(a, b, rule).select("item_id", other="item_id_theirs")
            yield met.group_by("item_id").agg(others=pl.col("other").sort().head(CANDIDATES))
        else:
            grouped = b.group_by(rule.keys).agg(others=pl.col("item_id").sort().head(CANDIDATES))
            yield a.join(grouped, on=rule.keys, how="inner").select("item_id", "others")


def _named_by(met: list[pl.DataFrame]) -> pl.DataFrame:
    together = pl.concat(met).explode("others").unique()
    first = pl.col("others").sort().head(CANDIDATES).str.join(" ")
    return together.group_by("item_id").agg(others=first)


def _left(side: pl.DataFrame, candidates: pl.DataFrame, doubled: pl.DataFrame) -> pl.DataFrame:
    """Tonight's items without a match, in order of their key."""
    rows = side.filter(~pl.col("old")).select("item_id").join(candidates, on="item_id", how="left")
    several = pl.col("others").is_not_null()
    rows = rows.with_columns(state=pl.when(several).then(pl.lit("ambiguous")).otherwise(pl.lit("single")))
    twice = doubled.with_columns(state=pl.lit("duplicate"))
    together = pl.concat([rows.select(list(LEFT)), twice.select(list(LEFT))])
    return conform(together.with_columns(pl.col("others").fill_null("")).sort("item_id"), LEFT)
