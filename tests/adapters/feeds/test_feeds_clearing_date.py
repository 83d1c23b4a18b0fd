"""The clearing date of a file: where it stands in a name, and where what stands there is none."""

from __future__ import annotations

from datetime import date

import feeds_support as s
import pytest

from adapters.feeds.layout_feed import layout_of
from adapters.feeds.mapping import mapping_of
from adapters.feeds.pos_settings import PosSettings
from settlement.model.errors import BadInput
from tests.adapters.feeds.test_feeds_mapped import ALIPAY, WECHAT

ALIPAY_NAME = "20880211096256330156_20260507_业务明细.csv"


@pytest.mark.parametrize(
    "name", [ALIPAY_NAME, "20887226827483540156_20260507_业务明细.csv", "20887226827483540156_20260507.csv"]
)
def test_an_alipay_name_begins_with_the_account(name):
    given = s.context(name, "ali", mapping="alipay")
    closing = s.read("mapped_csv", ALIPAY.encode("gb18030"), given)[2]
    assert closing.refused is None
    assert str(closing.clearing_date) == "2026-05-07"


PATTERNS = {
    "wechat_pay": mapping_of({"mapping": "wechat_pay"}).filename,
    "purse_daily": mapping_of({"mapping": "purse_daily"}).filename,
    "allinpay": mapping_of({"mapping": "allinpay"}).filename,
    "citizen_card": layout_of({}, "citizen_card").filename,
    "pos_iso8583": PosSettings().filename,
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_number_that_is_longer_than_a_date_is_none(pattern):
    import re

    assert re.search(pattern, "208802110962563_x.csv") is None
    assert re.search(pattern, "120260507_x.csv") is None
    found = re.search(pattern, "208802110962563_20260507.csv")
    assert found is not None
    assert found["clearing_date"] == "20260507"


@pytest.mark.parametrize("name", ["purse_daily", "citizen_card", "pos_iso8583"])
def test_a_sequence_of_two_digits_may_stand_behind_the_day(name):
    import re

    found = re.search(PATTERNS[name], "POS2026050701")
    assert found is not None
    assert found["clearing_date"] == "20260507"
    assert re.search(PATTERNS[name], "POS202605070112") is None


def test_a_clearing_date_far_from_every_record_refuses_the_file():
    loose = mapping_of({"mapping": "alipay"}).model_copy(update={"filename": "(?P<clearing_date>20[0-9]{6})"})
    closing = s.read("mapped_csv", ALIPAY.encode("gb18030"), s.context(ALIPAY_NAME, "ali", mapping=loose))[2]
    assert closing.refused is not None
    assert closing.refused.code == "CLEARING_DATE_FAR"
    assert "2088-02-11" in closing.refused.message
    for name, refused in (("wx20270512.csv", False), ("wx20270513.csv", True), ("wx20250502.csv", False)):
        given = s.context(name, "wx", mapping="wechat_pay")
        assert (s.read("mapped_csv", WECHAT.encode(), given)[2].refused is not None) == refused, name


def _own_layout(form):
    fields = [
        {"name": "kind", "values": {"S": "SALE"}},
        {"name": "rail", "values": {"P": "purse"}},
        {"name": "card_number", "type": "card"},
        {"name": "occurred_at", "type": "datetime", "format": form},
        {"name": "paid", "type": "amount"},
        {"name": "terminal_sequence"},
    ]
    plain = {
        "format": "own",
        "title": "t",
        "shape": "delimited",
        "encoding": "ascii",
        "newline": "lf",
        "separator": "|",
    }
    return {**plain, "record": {"fields": fields}, "key": ["card_number", "terminal_sequence"]}


def test_a_layout_of_ones_own_without_years_finds_them_too():
    given = s.context("f", "smk", date(2026, 1, 1), layout=_own_layout("MMDDhhmmss"))
    frame, rejects, _ = s.read("citizen_card", b"S|P|21501234|1231235959|100|7\n", given)
    assert rejects == []
    assert str(frame["occurred_at"][0]) == "2025-12-31 15:59:59+00:00"
    with pytest.raises(BadInput, match="occurred_at names no day"):
        s.read("citizen_card", b"", s.context("f", "smk", date(2026, 1, 1), layout=_own_layout("hhmmss")))
