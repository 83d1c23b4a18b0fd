"""An entry of `rules.explain` as lines for a terminal."""

from __future__ import annotations

from typing import Any, Literal


def explain_text(entry: dict[str, Any], language: Literal["zh", "en"] = "zh") -> list[str]:
    """The sentences, then per award who pays, with the rule's file and line."""
    lines = [str(entry["transaction_id"]), *(f"  {sentence}" for sentence in entry[language])]
    for award in entry["awards"]:
        if award["scheme"] is None:
            continue
        shares = "  ".join(f"{share['sponsor']} {share['amount']}" for share in award["shares"])
        rule = f"  ({award['rule']})" if award["rule"] else ""
        lines.append(f"  {award['scheme']} {award['version']}: {award['granted']}  {award['outcome']}{rule}  {shares}")
    return lines
