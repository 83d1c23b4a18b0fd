"""An explained transaction as lines for a terminal."""

from __future__ import annotations

from portal.cli.explain_text import explain_text


def test_sentences_then_who_pays() -> None:
    share = {"sponsor": "city", "amount": "9.95"}
    award = {
        "scheme": "bread",
        "version": 1,
        "granted": "9.95",
        "outcome": "GRANTED",
        "rule": "b.yaml:1",
        "shares": [share],
    }
    entry = {"transaction_id": "t1", "awards": [award], "zh": ["补贴9.95元"], "en": ["subsidy 9.95"]}
    assert explain_text(entry) == ["t1", "  补贴9.95元", "  bread 1: 9.95  GRANTED  (b.yaml:1)  city 9.95"]
    assert explain_text(entry, "en")[1] == "  subsidy 9.95"


def test_a_row_without_a_scheme_has_no_payer() -> None:
    entry = {"transaction_id": "t1", "awards": [{"scheme": None}], "zh": ["不是会员"], "en": ["not a member"]}
    assert explain_text(entry) == ["t1", "  不是会员"]
