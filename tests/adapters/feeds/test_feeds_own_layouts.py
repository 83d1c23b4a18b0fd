"""Files of a layout of one's own: what a correct one may hold, and what it may not lose."""

from __future__ import annotations

import io
from datetime import date

import feeds_support as s
import polars as pl
import pytest
from feeds_own_support import CARD, FIELDS, FIXED, RAIL, ROW, read

from adapters.base import Context
from adapters.feeds import records
from adapters.layout import shipped_layout
from adapters.registry import adapter
from settlement.model.cards import mask
from settlement.model.errors import BadInput


@pytest.mark.parametrize("key", ["rrn", "stan"])
def test_a_purse_record_has_the_key_that_stands_in_it(key):
    """A purse has no rrn of a canonical transaction, and a stan of its own; its key may be either all the same."""
    frame, rejects, *_ = read(ROW + "|7|P", "", fields=[{"name": "stan"}, RAIL], key=[key])
    assert (rejects, frame["transaction_id"].to_list()) == ([], ["own:" + {"rrn": "R1", "stan": "7"}[key]])


def test_lines_above_the_records_may_have_fields_of_one_name():
    tag = {"name": "tag"}
    header = [{"fields": [tag | {"constant": "H1"}]}, {"fields": [tag | {"constant": "H2"}, tag | {"name": "no"}]}]
    frame, _, refused, *_ = read("H1", "H2|x", ROW, "", header=header)
    assert (refused, frame.height) == (None, 1)


def test_lines_that_declare_another_count_refuse_the_file():
    lines = [{"fields": [{"name": "n", "type": "count", "declares": "count"}]}]
    assert read("1", ROW, "1", "", header=lines, trailer=lines)[2] is None
    assert read("1", ROW, "2", "", header=lines, trailer=lines)[2].code == "BAD_TRAILER"


@pytest.mark.parametrize("encoding", ["gb18030", "gbk"])
@pytest.mark.parametrize("newline", [False, True])
def test_an_end_mark_is_written_as_the_file_is(encoding, newline):
    made = {"end_mark": "文件结束", "end_mark_newline": newline, "encoding": encoding}
    frame, _, refused, _, given = read(ROW, "文件结束" + newline * "\n", **made)
    assert (refused, frame.height) == (None, 1)
    written = s.write("citizen_card", frame.with_columns(card_number=pl.lit(CARD)), given)
    assert written.decode("gbk").rstrip("\n").endswith("\n文件结束")


def test_a_file_of_which_nothing_can_be_read_says_what_is_wrong_with_its_first_record():
    refused = read(*[ROW.replace("|5", "")] * 100, "")[2]
    assert (refused.code, refused.record) == ("NOT_DECODABLE", 1)
    assert refused.message.endswith("as it is sent? The first: has 5 fields; 6 are expected")
    refused = read(*[ROW.replace("|100|", "|1O0|")] * 100, "")[2]
    assert " The first: paid: " in refused.message


def test_a_fixed_file_ends_with_a_mark_in_its_encoding():
    frame, _, refused, *_ = read(f"S{CARD}20260507093015000100R1", "完", **FIXED, end_mark="完")
    assert (refused, frame["paid_fen"].to_list()) == (None, [100])


@pytest.mark.parametrize("shape", ["fixed", "delimited"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("written", [False, True])
def test_an_end_mark_proves_the_file_with_a_line_end_or_without(shape, newline, written):
    """A transfer in text mode puts a line end behind it; what stands behind that is refused as what it is."""
    row = ROW if shape == "delimited" else f"S{CARD}20260507093015000100R1"
    made = {} if shape == "delimited" else FIXED
    made = made | {"newline": "any", "end_mark": "END", "end_mark_newline": written}
    for end, code in (("END", None), (f"END{newline}", None), ("EN", "cut"), (f"END{newline}X", "more")):
        frame, _, refused, *_ = read(row + newline + end, **made)
        assert (refused is None) == (code is None), end
        assert frame.height or code, end
        if shape == "fixed" and code == "more":
            assert (refused.code, refused.byte) == ("AFTER_END", len(row + newline) + 3)


@pytest.mark.parametrize("shape", ["fixed", "delimited"])
@pytest.mark.parametrize("newline", ["crlf", "lf", "any"])
def test_a_trailer_that_declares_needs_no_line_end(shape, newline):
    """Programs that join their lines write none behind the last; what the trailer declares shows that nothing lacks."""
    end = "\n" if newline == "lf" else "\r\n"
    row, trailer = (ROW, "1|100") if shape == "delimited" else (f"S{CARD}20260507093015000100R1", "1 000100")
    cells = [
        {"name": "n", "type": "count", "declares": "count", "start": 1, "length": 1},
        {"name": "sum", "type": "amount", "declares": "total", "of": "paid", "start": 3, "length": 6},
    ]
    if shape == "delimited":
        cells = [{k: v for k, v in cell.items() if k not in {"start", "length"}} for cell in cells]
    made = ({} if shape == "delimited" else FIXED) | {"newline": newline, "trailer": [{"fields": cells}]}
    for text in (row + end + trailer, row + end + trailer + end):
        frame, rejects, refused, *_ = read(text, **made)
        assert (refused, rejects, frame["paid_fen"].to_list()) == (None, [], [100])
    none = trailer.replace("1", "0")
    for text in (none, none + end):
        frame, _, refused, *_ = read(text, **made)
        assert (refused, frame.height) == (None, 0)
    first = "TRUNCATED" if shape == "delimited" else "RECORD_LENGTH"
    for text, code in ((row + end + row, "TRUNCATED"), (row + end, None), (row, None), (row[:-3], first)):
        refused = read(text, **made)[2]
        assert refused is not None
        assert refused.code == (code or refused.code)
    refused = read(row + end + trailer[:-1], **made)[2]
    assert refused is not None
    assert shape == "delimited" or f"ends with {len(row + end + trailer) - 1} bytes" in refused.message
    told_by_nothing = [{"fields": [{"name": "remark", **({"start": 1, "length": 8} if shape == "fixed" else {})}]}]
    assert read(row + end + trailer, **made | {"trailer": told_by_nothing})[2].code == "TRUNCATED"


@pytest.mark.parametrize("form", ["YYYYMMDD", "YYYY/M/D"])
def test_a_trailer_that_ends_with_a_day_of_any_width_needs_its_line_end(form):
    """2026/5/17 that was cut is 2026/5/1, and the day of all records."""
    cells = [
        {"name": "n", "type": "count", "declares": "count"},
        {"name": "day", "type": "date", "format": form, "declares": "clearing_date"},
    ]
    text = f"{ROW}\n1|" + {"YYYYMMDD": "20260517", "YYYY/M/D": "2026/5/17"}[form]
    made = {"trailer": [{"fields": cells}]}
    assert read(text, "", **made)[2] is None
    assert (read(text, **made)[2] is None) == (form == "YYYYMMDD")
    assert read(text[:-1], **made)[2].code == "TRUNCATED"


def test_a_record_that_failed_is_skipped_by_any_of_its_codes():
    status = {"name": "status", "values": {"成功": "done", "失败": "SKIP"}}
    frame, rejects, _, closing, _ = read(ROW + "|成功", ROW.replace("R1", "R2") + "|失败", "", fields=[status])
    assert (frame["transaction_id"].to_list(), rejects) == (["own:R1"], [])
    assert (closing.records, closing.skipped) == (2, 1)


def test_the_rail_is_a_field_or_a_setting():
    frame, rejects, *_ = read(ROW, "", settings={"rail": "bank_account", "instrument": "bank_card"})
    assert (rejects, frame["rail"].to_list(), frame["instrument"].to_list()) == ([], ["bank_account"], ["bank_card"])
    with pytest.raises(BadInput, match="rail \\(or the setting of that name\\)"):
        read(ROW, "", settings={"bad_row": "reject_row"})
    rows = ROW + "|B", ROW.replace("R1", "R2") + "|", ""
    assert read(*rows, fields=[RAIL])[0]["rail"].to_list() == ["bank_account", "purse"]
    assert read(*rows, fields=[RAIL], settings={"bad_row": "reject_row"})[1] == [(2, "rail", "MISSING")]


def test_a_record_without_an_amount_is_a_reject():
    assert read(ROW.replace("|100|", "||"), "")[1] == [(1, "paid", "NO_AMOUNT")]


def test_a_declared_total_of_what_nobody_keeps_is_written_as_it_stands_in_the_file():
    """`bonus` is only checked when it is read, and blank when it is written: so is its total."""
    trailer = [{"fields": [{"name": "sum", "type": "amount", "declares": "total", "of": "bonus"}]}]
    frame, *_, given = read(ROW, "5", "", trailer=trailer)
    written = s.write("citizen_card", frame.with_columns(card_number=pl.lit(CARD)), given)
    assert written.decode().splitlines()[1:] == ["0"]
    assert s.read("citizen_card", written, given)[2].refused is None


def test_a_file_that_ends_where_a_block_does_is_whole(monkeypatch):
    monkeypatch.setattr(records, "BLOCK", len(ROW) + 1)
    frame, _, refused, *_ = read(ROW, ROW.replace("R1", "R2"), "")
    assert (refused, frame.height) == (None, 2)


def test_a_clearing_date_in_the_trailer_is_that_of_the_name():
    """The trailer is met behind the records, which have been read by the day of the name."""
    day = {"name": "day", "type": "date", "format": "YYYYMMDD", "declares": "clearing_date", "start": 1, "length": 8}
    for said, code in (("20260507", None), ("20260508", "BAD_TRAILER")):
        layout = FIXED | {"filename": "(?P<clearing_date>[0-9]{8})", "trailer": [{"fields": [day]}]}
        given = s.context("X20260507", "own", None, layout=layout, rail="purse")
        refused = s.read("citizen_card", f"S{CARD}20260507093015000100R1\n{said}\n".encode(), given)[2].refused
        assert (refused and refused.code) == code


def test_a_void_that_repeats_the_key_of_its_sale_is_written_with_it():
    kind = {"kind": {"values": {"S": "SALE", "V": "VOID"}}}
    fields = [field | kind.get(field["name"], {}) for field in FIELDS] + [{"name": "old"}]
    made = {"record": {"fields": fields}, "original_key": ["old"]}
    frame, *_, given = read(ROW + "|", ROW.replace("S|", "V|", 1) + "|R1", "", **made)
    assert frame["transaction_id"].to_list() == ["own:R1", "own:R1/VOID"]
    written = s.write("citizen_card", frame.with_columns(card_number=pl.lit(CARD)), given)
    again, rejects, _ = s.read("citizen_card", written, given)
    assert (rejects, again.drop(s.PLACES).equals(frame.drop(s.PLACES))) == ([], True)


DECLARED = {"name": "day", "type": "date", "format": "YYYYMMDD", "declares": "clearing_date", "start": 1, "length": 8}
COUNTED = {"name": "n", "type": "count", "declares": "count", "start": 10, "length": 3}


@pytest.mark.parametrize("shape", ["fixed", "delimited"])
def test_a_clearing_date_that_stands_in_the_trailer_alone(shape, monkeypatch):
    """Days without a year are read by it: of the year before, where the file is of 1 January."""
    monkeypatch.setattr(records, "BLOCK", 90)
    time = {"occurred_at": {"format": "MMDDhhmmss", "length": 10}}
    places = ((1, 1), (2, 19), (21, 10), (35, 6), (41, 2))
    fields = [
        f | time.get(f["name"], {}) | dict(zip(("start", "length"), p, strict=True))
        for f, p in zip(FIELDS, places, strict=False)
    ]
    trailer = [DECLARED, COUNTED]
    if shape == "delimited":
        fields, trailer = (
            [{k: v for k, v in f.items() if k not in {"start", "length"}} for f in fs] for fs in (fields, trailer)
        )
    made = FIXED | {"shape": shape, "record": {"fields": fields}, "trailer": [{"fields": trailer}], "separator": "|"}
    rows = [f"S|{CARD}|1231230000|{100 + row}|R{row}" for row in range(4)]
    end = "20270101|4"
    if shape == "fixed":
        rows = [f"S{CARD}1231230000||||{100 + row:06d}R{row}" for row in range(4)]
        end = "20270101|004"
    given = s.context("X", "own", None, layout=made, rail="purse")
    data = ("\n".join([*rows, end]) + "\n").encode()
    frame, rejects, closing = s.read("citizen_card", data, given)
    assert (rejects, closing.refused, str(closing.clearing_date)) == ([], None, "2027-01-01")
    assert frame["occurred_at"].dt.year().to_list() == [2026] * 4
    cut = s.read("citizen_card", data[: -len(end) - 1], given)[2].refused
    assert cut is not None
    assert cut.code in {"TRUNCATED", "BAD_TRAILER"}, "what is wrong with the file, not that it says no date"
    written = s.write("citizen_card", frame.with_columns(card_number=pl.lit(CARD)), given)
    assert s.read("citizen_card", written, given)[0].drop(s.PLACES).equals(frame.drop(s.PLACES))


def test_a_fixed_file_may_begin_with_a_byte_order_mark():
    made = FIXED | {"encoding": "utf-8-sig"}
    frame, *_, given = read(f"S{CARD}20260507093015000100R1", "", **FIXED)
    given = s.context("X", "own", s.DAY, layout=made, rail="purse")
    data = s.write("citizen_card", frame.with_columns(card_number=pl.lit(CARD)), given)
    assert data.startswith(b"\xef\xbb\xbfS")
    again, _, closing = s.read("citizen_card", data, given)
    assert (closing.refused, again["byte_start"].to_list()) == (None, [3])
    assert s.read("citizen_card", b"\xef\xbb\xbf", given)[2].refused.code == "EMPTY_FILE"


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ("20260507 000\n", {"trailer": [{"fields": [DECLARED, COUNTED]}]}),
        ("20260507 000\n\n", {"trailer": [{"fields": [DECLARED, COUNTED]}]}),
        ("20260507 000\n", {"header": [{"fields": [DECLARED, COUNTED]}]}),
        ("20260507 000\n\n", {"header": [{"fields": [DECLARED, COUNTED]}]}),
        ("END", {"end_mark": "END"}),
        ("END\n", {"end_mark": "END", "end_mark_newline": True}),
    ],
)
def test_a_fixed_file_of_a_day_without_records(lines, parts):
    given = s.context("X", "own", s.DAY, layout=FIXED | parts, rail="purse")
    frame, _, closing = s.read("citizen_card", lines.encode(), given)
    assert (closing.refused, closing.records, frame.height) == (None, 0, 0)


@pytest.mark.parametrize(
    ("unit", "cell", "fen"), [("fen", "12345", 12_345), ("yuan", "123.45", 12_345), ("yuan", ".45", None)]
)
def test_a_wide_amount_is_filled_with_zeros(unit, cell, fen):
    """Twenty digits with zeros in front are no larger than the amount behind them."""
    fields = [
        f | {"start": at, "length": size}
        for f, (at, size) in zip(FIELDS, ((1, 1), (2, 19), (21, 14), (35, 24), (60, 2)), strict=False)
    ]
    made = FIXED | {"unit": unit, "record": {"fields": fields}}
    frame, rejects, *_, given = read(f"S{CARD}20260507093015{cell.zfill(24)} R1", "", **made)
    assert (frame["paid_fen"].to_list(), rejects) == ([fen or 45], [])
    written = s.write("citizen_card", frame.with_columns(card_number=pl.lit(CARD)), given)
    assert s.read("citizen_card", written, given)[0].equals(frame)
    assert read(f"S{CARD}20260507093015{'9' * 24} R1", "", **made)[1] == [(1, "paid", "BAD_AMOUNT")]


def test_a_sign_may_stand_before_the_first_digit_of_a_fixed_field():
    """As printf("%10.2f") writes it: a fee of -0.05 is "     -0.05", never 0.05 and never refused."""
    fee = {"name": "fee", "type": "amount", "unit": "yuan", "signs": {"-": -1, " ": 1}, "start": 43, "length": 10}
    made = FIXED | {"record": {"fields": [*FIXED["record"]["fields"], fee]}}
    cells = {"     -0.05": -5, "     12.30": 1230, "-000012.30": -1230, "         ": None}
    bad = ["   --12.30", "   - 12.30 ", "   +12.30", "   1-2.30"]
    rows = [
        f"S{CARD}20260507093015000100R{n}{cell:10}" for n, cell in enumerate([*cells, "   - 12.30", *bad[2:], bad[0]])
    ]
    frame, rejects, *_ = read(*rows, "", **made)
    assert frame["fee_fen"].to_list() == [*cells.values(), -1230]
    assert [(record, field) for record, field, _ in rejects] == [(6, "fee"), (7, "fee"), (8, "fee")]


def test_a_blank_is_no_minus_where_cells_have_no_fixed_place():
    with pytest.raises(BadInput, match="blanks around a cell mean nothing"):
        read(ROW, "", fields=[{"name": "fee", "type": "amount", "signs": {" ": -1, "+": 1}}])


def _unionpay(**changed):
    """A ZM layout of one's own: its fields without those between, with changes; and a record by field name."""
    names = {"acquirer", "forwarder", "stan", "transmitted_at", "card_number", "paid", "original_stan",
             "original_transmitted_at", "settlement", "kind", "merchant_no", "claimed"}  # fmt: skip
    fields, start = [], 1
    shipped = shipped_layout("adapters.feeds", "unionpay_zm").record.fields
    given = [field.model_dump(exclude_defaults=True) for field in shipped if field.name in names]
    for field in [*given, {"name": "rrn", "length": 12}]:
        fields.append(field | changed.get(field["name"], {}) | {"start": start})
        start += fields[-1]["length"]
    made = FIXED | {"key": ["acquirer", "forwarder", "stan", "transmitted_at"], "record": {"fields": fields}}

    def line(**cells):
        base = {"acquirer": "00012345", "stan": "000001", "transmitted_at": "0507093015", "kind": "01",
                "paid": "000000000100", "settlement": "C000000000100", "merchant_no": "M1"}  # fmt: skip
        return "".join((base | cells).get(field["name"], "").ljust(field["length"]) for field in fields) + "\n"

    return made, line


def _zm(made, *lines):
    frame, rejects, closing = s.read("unionpay_zm", "".join(lines).encode(), s.context("X", "own", s.DAY, layout=made))
    assert (rejects, closing.refused) == ([], None)
    return frame


def test_a_card_number_that_has_slipped_into_the_key_is_masked_there():
    """Where columns have slipped, all records have it in another field too: the key shows what that field shows."""
    fields = [*FIXED["record"]["fields"][:4], {"name": "rrn", "start": 41, "length": 19}]
    made = FIXED | {"record": {"fields": fields}}
    for other in (CARD, "1234567890123456789"):
        rows = [f"S{CARD}20260507093015000100{reference}" for reference in (CARD, other)]
        keys = read(*rows, "", **made)[0]["transaction_id"].to_list()
        assert keys == [f"own:{mask(CARD)}", f"own:{mask(CARD) if other == CARD else other}"]


def test_a_card_number_may_be_a_text_in_a_key():
    card = FIELDS[1] | {"type": "text", "start": 2, "length": 19}
    made = FIXED | {"record": {"fields": [FIXED["record"]["fields"][0], card, *FIXED["record"]["fields"][2:]]}}
    made["key"] = ["card_number", "rrn"]
    for text, shown in (("21/0001234567890123", "21%2F000*********0123"), ("无卡消费一二三四五x", None)):
        rows = [f"S{text}20260507093015000100R{n}" for n in range(2)]
        frame, rejects, refused, *_ = read(*rows, "", **made)
        shown = shown or mask(text)
        assert (rejects, refused) == ([], None)
        assert frame["transaction_id"].to_list() == [f"own:{shown}/R0", f"own:{shown}/R1"]


def test_a_field_may_have_any_name():
    made = FIXED | {"record": {"fields": [*FIXED["record"]["fields"][:4],
            {"name": "plain_key", "start": 41, "length": 3}, {"name": "rrn", "start": 44, "length": 3}]}}  # fmt: skip
    rows = [f"S{CARD}20260507093015000100{cell}" for cell in ("x  a b", "y  b  ")]
    frame, rejects, *_ = read(*rows, "", **made | {"key": ["plain_key", "rrn"]})
    assert (rejects, frame["transaction_id"].to_list()) == ([], ["own:x/a b", "own:y/b"])


@pytest.mark.parametrize("reference", ["R1", "R 1"])
def test_the_key_of_a_zm_record_has_the_rrn_that_stands_in_it(reference):
    """A canonical ZM record has no rrn; its key may be one, and is then the same in each block."""
    made, line = _unionpay()
    made["key"] = ["rrn"]
    frame = _zm(made, line(rrn=reference), line(rrn="R2", stan="000002"))
    assert frame["transaction_id"].to_list() == [f"own:{reference}", "own:R2"]
    assert frame["rrn"].null_count() == 2


def test_a_time_of_unionpay_may_have_its_year():
    form = {"format": "YYYYMMDDhhmmss", "length": 14, "blanks": []}
    made, line = _unionpay(transmitted_at=form, original_transmitted_at=form)
    made["original_key"] = ["acquirer", "forwarder", "original_stan", "original_transmitted_at"]
    first = line(transmitted_at="20251231235959")
    named = {"original_stan": "000001", "original_transmitted_at": "20251231235959"}
    back = line(kind="04", transmitted_at="20260507093015", settlement="D000000000100", stan="000002", **named)
    frame = _zm(made, first, back)
    assert frame["transaction_id"].to_list() == ["own:12345//000001/20251231235959", "own:12345//000002/20260507093015"]
    assert frame["original_key"].to_list() == [None, "own:12345//000001/20251231235959"]
    assert [str(at)[:19] for at in frame["occurred_at"]] == ["2025-12-31 15:59:59", "2026-05-07 01:30:15"]
    assert _zm(made | {"original_key": []}, first, back)["original_key"].null_count() == 2


def test_a_layout_of_unionpay_has_what_is_read_of_it():
    made, line = _unionpay()
    with pytest.raises(BadInput, match="needs a key"):
        _zm(made | {"key": []}, line())
    for gone in ("claimed", "settlement", "transmitted_at", "original_stan", "original_transmitted_at", "paid", "kind"):
        fields = [field for field in made["record"]["fields"] if field["name"] != gone]
        with pytest.raises(BadInput, match=f"needs {gone}"):
            _zm(made | {"key": ["stan"], "record": {"fields": fields}}, line())
    with pytest.raises(BadInput, match="a unionpay_acom feed needs accepted_amount, condition_code"):
        s.read("unionpay_acom", line().encode(), s.context("X", "own", s.DAY, layout=made, record="acomn"))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_day_without_records_whose_trailer_is_a_byte_shorter_than_a_record(newline):
    """The LF of the trailer's CRLF stands where a record would end."""
    trailer = [
        {"fields": [{"name": "n", "type": "count", "declares": "count", "start": 1, "length": 18}], "length": 41}
    ]
    data = ("0" * 18 + " " * 23 + newline).encode()
    given = s.context("X", "own", s.DAY, layout=FIXED | {"newline": "any", "trailer": trailer}, rail="purse")
    assert s.read("citizen_card", data, given)[2].refused is None


class _Stream(io.BytesIO):
    """A stream that can only be read once, or whose second reading is another."""

    def __init__(self, data, again=None):
        super().__init__(data)
        self.again = again

    def seekable(self):
        return self.again is not None

    def seek(self, *place):
        self.__init__(self.again, self.again)
        return super().seek(*place)


@pytest.mark.parametrize("shape", ["fixed", "delimited"])
def test_a_file_whose_trailer_says_the_day_is_refused_where_it_changes_or_is_read_once(shape):
    day = {"name": "day", "type": "date", "format": "YYYYMMDD", "declares": "clearing_date", "required": True}
    made = FIXED | {"trailer": [{"fields": [day | {"start": 1, "length": 8}]}]}
    row = f"S{CARD}20260507093015000100R1\n"
    if shape == "delimited":
        made = {"format": "own", "title": "own", "shape": shape, "encoding": "gb18030", "newline": "lf",
                "separator": "|", "key": ["rrn"], "record": {"fields": FIELDS}}  # fmt: skip
        made["trailer"], row = [{"fields": [day]}], ROW + "\n"
    given = Context("X", "own", {"layout": made, "rail": "purse"}, s.TOKENISER)

    def of(stream):
        *blocks, closing = adapter("citizen_card").read(stream, given)
        return blocks, closing.refused and closing.refused.code

    data = f"{row}20260507\n".encode()
    assert of(_Stream(data, data))[1] is None
    changed, code = of(_Stream(data, f"{row}20260508\n".encode()))
    if shape == "delimited":  # the one block is read with its trailer
        assert (code, changed[0].frame["clearing_date"].to_list()) == (None, [date(2026, 5, 8)])
    else:
        assert code == "BAD_TRAILER"
        assert of(_Stream(data)) == ([], "NO_CLEARING_DATE")


@pytest.mark.parametrize("rows", [1, 50])
def test_a_trailer_of_another_day_than_the_name_of_a_file_of_several_blocks(monkeypatch, rows):
    """The first blocks are read by the name: half of a file would be of one day, and half of another."""
    monkeypatch.setattr(records, "BLOCK", 200)
    day = {"name": "day", "type": "date", "format": "YYYYMMDD", "declares": "clearing_date", "required": True}
    made = {"format": "own", "title": "own", "shape": "delimited", "encoding": "gb18030", "newline": "lf",
            "separator": "|", "key": ["rrn"], "record": {"fields": FIELDS}, "trailer": [{"fields": [day]}],
            "filename": "(?P<clearing_date>20[0-9]{6})"}  # fmt: skip
    given = Context("X20260507", "own", {"layout": made, "rail": "purse"}, s.TOKENISER)
    for trailer in ("20260507", "20260508"):
        data = "".join(ROW.replace("R1", f"R{n}") + "\n" for n in range(rows)) + trailer + "\n"
        *blocks, closing = adapter("citizen_card").read(io.BytesIO(data.encode()), given)
        days = {str(one)[:10] for block in blocks for one in block.frame["clearing_date"]}
        if rows == 1 or trailer == "20260507":
            assert (days, closing.refused) == ({f"{trailer[:4]}-{trailer[4:6]}-{trailer[6:]}"}, None)
        else:
            assert closing.refused.code == "BAD_TRAILER"
