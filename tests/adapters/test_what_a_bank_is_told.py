"""What a bank reads of its file: examples that are files, the place of what is wrong, what to do about it."""

from __future__ import annotations

import io
import re

import iso8583
import polars as pl
import pytest

from adapters.base import Context
from adapters.feeds.canonical import OPERATIONS, unionpay_kind
from adapters.feeds.iso_spec import SPECS
from adapters.feeds.mapping import CsvColumn
from adapters.layout import LayoutField
from adapters.layout_line import CellError, format_cell
from adapters.registry import adapter, shipped
from adapters.remedies import REMEDY
from adapters.text_lines import text_lines
from portal.cli.main import run
from settlement.model.cards import CardTokens, Tokeniser, luhn
from settlement.model.rejects import Reject

NAMES = {
    "citizen_card": "SMK_20260507",
    "unionpay_zm": "INN26050788ZM_802310048993424",
    "acomn": "IND26050701ACOMN",
    "acoma": "IND26050701ACOMA",
    "acoma_951": "IND26050701ACOMA",
    "minsheng_payout": "req_20260507_001.txt",
    "minsheng_payout_outer": "req_outer_20260507_001.txt",
    "minsheng_result": "resp_20260507_001.txt",
    "unionpay_payout": "DF00000000777290058110097202605070002I.txt",
    "unionpay_result": "DF00000000777290058110097202605070002O.txt",
}
# the totals of Alipay are sentences, which no description writes; a bank's export is described by its headings
EXAMPLES = [(form, how, name) for _, form, how, name, _ in shipped() if form != "bank_csv" and name != "alipay"]


def _example(form: str, setting: str, capsys: pytest.CaptureFixture[str]) -> bytes:
    assert run(["feed", "describe", "--format", form, "--set", setting]) == 0
    told = capsys.readouterr().out
    found = re.search(r"\nexample\n(.*?)(?:\n\n|\Z)", told, re.DOTALL)
    assert found is not None
    text = found[1] if found[1].endswith("########") else found[1] + "\n"
    narrow = "gb18030" if re.search(r"gb18030|gbk", told.split("\n\n")[0]) else "utf-8"
    return text.replace("\n", "\r\n").encode(narrow)


@pytest.mark.parametrize(("form", "setting", "name"), EXAMPLES, ids=lambda value: value)
def test_the_example_that_describe_prints_is_accepted_by_check(form, setting, name, capsys, tmp_path):
    setting = f"{setting}={name}"
    file = tmp_path / NAMES.get(name, "bill_20260507.csv")
    data = _example(form, setting, capsys)
    for written in (data, data.replace(b"\r\n", b"\n")):
        file.write_bytes(written)
        code = run(["feed", "check", str(file), "--format", form, "--set", setting])
        told = capsys.readouterr().out
        if code == 0:
            break
    assert code == 0, told
    assert "accepted 1, rejected 0" in told


def test_a_long_default_does_not_push_its_meaning_out_of_the_window(capsys):
    assert run(["feed", "describe", "--format", "bank_csv"]) == 0
    told = capsys.readouterr().out
    line = next(line for line in told.splitlines() if line.startswith("trailers"))
    assert line.index("a row whose first cell") < 60
    assert "…" in line


def test_a_mapping_of_two_cells_in_one_names_both(capsys, tmp_path):
    moment = '{title: 日, and: 时, name: occurred_at, type: datetime, format: "YYYYMMDD hhmmss"}'
    columns = f"[{moment}, {{title: 额, name: paid, type: amount}}]"
    own = tmp_path / "own.yaml"
    own.write_text(f"{{format: own, title: t, encoding: utf-8, kind: SALE, key: [paid], columns: {columns}}}", "utf-8")
    assert run(["feed", "describe", "--format", "mapped_csv", "--set", f"mapping={own}"]) == 0
    told = capsys.readouterr().out
    assert "\n日 + 时  datetime" in told
    assert "\nexample\n日,时,额\n" in told


def test_a_layout_whose_message_type_is_shorter_is_described(capsys, tmp_path):
    own = tmp_path / "own.yaml"
    fields = (
        "[{name: mti, length: 2, required: true, values: {'02': SALE}}, {name: kind, values: {X: SKIP, S: SALE}}, "
        "{name: rail, values: {P: pos}}, {name: card_number, type: card}, {name: paid, type: amount, required: true}, "
        "{name: occurred_at, type: datetime, format: YYYYMMDDhhmmss}, {name: rrn, required: true}]"
    )
    head = "format: own, title: t, shape: delimited, separator: '|', encoding: utf-8, key: [rrn]"
    own.write_text(f"{{{head}, record: {{fields: {fields}}}}}", "utf-8")
    assert run(["feed", "describe", "--format", "citizen_card", "--set", f"layout={own}"]) == 0
    assert "\nexample\n02|S|" in capsys.readouterr().out


def test_a_mapping_whose_totals_are_sentences_alone_is_described(capsys, tmp_path):
    own = tmp_path / "own.yaml"
    moment = "{title: 时, name: occurred_at, type: datetime, format: YYYYMMDD}"
    end = "end: {spoken: [{pattern: '共(?P<count>[0-9]+)笔'}]}"
    rest = f"kind: SALE, key: [paid], columns: [{moment}, {{title: 额, name: paid, type: amount}}]"
    own.write_text(f"{{format: own, title: t, encoding: utf-8, ignore: [共], {end}, {rest}}}", "utf-8")
    assert run(["feed", "describe", "--format", "mapped_csv", "--set", f"mapping={own}"]) == 0
    told = capsys.readouterr().out
    assert "declared in a sentence: 共(?P<count>[0-9]+)笔" in told
    assert "\n时,额\n" in told


@pytest.mark.parametrize(
    "end",
    [
        "{starts_with: [合], where: same, fields: [{name: a, constant: 合}, {name: b, type: amount, required: true}]}",
        "{starts_with: [合], where: next, fields: [{name: a, title: 合}, {name: b, type: count, declares: count}]}",
        "{starts_with: [合], required: false}",
    ],
)
def test_any_mapping_is_described(end, capsys, tmp_path):
    own = tmp_path / "own.yaml"
    columns = (
        '[{title: 时, name: occurred_at, type: datetime, format: "YYYY/M/D h:mm"}, {title: 卡, name: card_number,'
        " type: card, length: 16, required: true}, {title: 额, name: paid, type: amount, signs: {C: -1}}]"
    )
    own.write_text(
        f"{{format: o, title: t, encoding: gbk, kind: SALE, key: [paid], columns: {columns}, end: {end}}}", "utf-8"
    )
    assert run(["feed", "describe", "--format", "mapped_csv", "--set", f"mapping={own}"]) == 0
    told = capsys.readouterr().out.split("\nexample\n")[1]
    assert told.startswith("时,卡,额\n")
    if "true" not in end:  # a total of which nothing is known cannot be made up
        assert told.splitlines()[1].endswith(",6217000000000000,123.45")


def test_an_amount_without_a_mark_is_written_where_a_mark_may_be_left_away():
    field = CsvColumn(name="paid", title="额", type="amount", signs={"-": -1})
    assert [format_cell(field, fen, "yuan") for fen in (12345, -5)] == ["123.45", "-0.05"]
    fixed = LayoutField(name="paid", type="amount", start=1, length=8, signs={"-": -1})
    with pytest.raises(CellError, match="no mark"):
        format_cell(fixed, 1, "fen")


def _acomn(tmp_path, capsys, data: bytes) -> str:
    file = tmp_path / NAMES["acomn"]
    file.write_bytes(data)
    assert run(["feed", "check", str(file), "--format", "unionpay_acom", "--set", "record=acomn"]) == 1
    return capsys.readouterr().out


def test_an_unknown_operation_is_shown_by_the_codes_that_say_it(tmp_path, capsys):
    data = _example("unionpay_acom", "record=acomn", capsys)
    told = _acomn(tmp_path, capsys, data[:106] + b"770000" + data[112:]).splitlines()
    at = next(n for n, line in enumerate(told) if "[UNKNOWN_KIND]" in line)
    assert "settings" not in told[at] + told[at + 1]  # no setting takes an operation
    assert "mti is digits, bytes 102-105 of the record" in told[at + 2]
    assert "processing_code is digits, bytes 107-112 of the record, from byte 106 of the file" in told[at + 2]
    start, end = told[at + 4].index("^"), told[at + 4].rindex("^") + 1
    assert told[at + 3][start:end] == "0200 770000"


@pytest.mark.parametrize(
    ("change", "code", "said", "remedy"),
    [
        (
            lambda data: data.replace(b"\r\n", b"\n"),
            "BAD_NEWLINE",
            "byte 0: the first line does not end with CR LF",
            "",
        ),
        (lambda data: data + b"extra\r\n", "AFTER_END", "7 bytes stand behind the trailer", REMEDY["AFTER_END"]),
        (lambda data: data[:-9], "TRUNCATED", "it was cut: send it again", REMEDY["TRUNCATED"]),
    ],
)
def test_a_citizen_card_file_that_ends_otherwise(change, code, said, remedy, capsys, tmp_path):
    file = tmp_path / NAMES["citizen_card"]
    file.write_bytes(change(_example("citizen_card", "layout=citizen_card", capsys)))
    assert run(["feed", "check", str(file), "--format", "citizen_card"]) == 2
    told = capsys.readouterr().out
    assert f"[{code}]" in told
    assert said in told
    assert remedy in told


def test_a_nul_byte_is_named_by_its_line():
    with pytest.raises(Exception, match="NUL") as caught:
        list(text_lines(io.BytesIO(b"abc\ndef\ngh\0i\n")))
    assert caught.value.byte == 8
    data = b"\xef\xbb\xbf:20:A\r\n:25:1\r\n:28C:\0" + b"1\r\n"
    closing = list(adapter("mt940").read(io.BytesIO(data), Context("x.sta", "bank", {})))[-1]
    assert (closing.refused.code, closing.refused.byte) == ("NUL_BYTE", data.index(b":28C:"))


def test_what_is_about_the_whole_file_names_no_record():
    assert str(Reject("a", 0, -1, "", "X", "wrong")) == "a: wrong [X]"
    assert str(Reject("a", 0, 12, "total", "X", "wrong")) == "a: byte 12: total: wrong [X]"
    assert str(Reject("a", 3, 12, "paid", "X", "wrong")) == "a: record 3, byte 12: paid: wrong [X]"
    assert str(Reject("a", 3, -1, "", "X", "wrong")) == "a: record 3: wrong [X]"
    assert str(Reject("a", 0, -1, "", "X", "wrong", line=4, column=2)) == "a:4:2: wrong [X]"


def test_another_clearing_date_than_the_name_has_is_told(capsys, tmp_path):
    file = tmp_path / "SMK_20260508"
    file.write_bytes(_example("citizen_card", "layout=citizen_card", capsys))
    assert run(["feed", "check", str(file), "--format", "citizen_card"]) == 0
    assert (
        "note: the file says clearing date 2026-05-07, its name 2026-05-08: 2026-05-07 is taken"
        in capsys.readouterr().out
    )
    file = file.rename(tmp_path / "SMK_20260507")
    assert run(["feed", "check", str(file), "--format", "citizen_card"]) == 0
    assert "clearing date" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("day", "says"), [(b"99991231", "is of no year from 2000 to 2099"), (b"00010101", "is no such day or time")]
)
def test_a_clearing_date_that_fills_its_field_refuses_the_file(day, says, capsys, tmp_path):
    file = tmp_path / "SMK_20260507"
    file.write_bytes(_example("citizen_card", "layout=citizen_card", capsys).replace(b"20260507", day, 1))
    assert run(["feed", "check", str(file), "--format", "citizen_card"]) == 2
    told = capsys.readouterr().out
    assert says in told
    assert "is taken" not in told
    setting = f"clearing_date={day[:4].decode()}-{day[4:6].decode()}-{day[6:].decode()}"
    data = _example("unionpay_acom", "record=acomn", capsys)
    file = tmp_path / NAMES["acomn"]
    file.write_bytes(data)
    given = ["--format", "unionpay_acom", "--set", "record=acomn", "--set", setting]
    assert run(["feed", "check", str(file), *given]) == 2


def test_the_figures_of_a_refused_file_add_up(capsys, tmp_path):
    data = _example("unionpay_acom", "record=acomn", capsys)
    file = tmp_path / NAMES["acomn"]
    file.write_bytes(data + data.replace(b" 000000 ", b" 300000 ", 1) + b"cut")
    assert run(["feed", "check", str(file), "--format", "unionpay_acom", "--set", "record=acomn"]) == 2
    assert "accepted 0, rejected 2, skipped 0" in capsys.readouterr().out


def test_one_of_source_and_format_is_enough(capsys, tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"x")
    assert run(["feed", "check", str(file), "--format", "mt940", "--source", "bank"]) == 2
    assert capsys.readouterr().err == "puhui: --source and --format: give one; a source has its format\n"


def test_an_unknown_operation_of_a_message_tells_what_says_it():
    fields = {"t": "0299", "3": "000000", "4": "000000001000", "11": "000001", "25": "00"}
    message = bytes(iso8583.encode(fields, SPECS["cups"])[0])
    data = io.BytesIO(len(message).to_bytes(2, "big") + message)
    shown = adapter("pos_iso8583").show(data, Reject("f", 1, 0, "kind", "UNKNOWN_KIND", ""), {})
    assert shown.about.startswith("the message type, DE3 and DE25 say the operation; DE3 is Processing code")
    assert shown.text.startswith("0299 DE3=000000")
    broken = io.BytesIO((6).to_bytes(2, "big") + b"0200\x01\x02")
    shown = adapter("pos_iso8583").show(broken, Reject("f", 1, 0, "", "BAD_MESSAGE", ""), {})
    assert "bitmap: 01 02…" in shown.text


def test_a_bank_s_mapping_is_told_whole(capsys, tmp_path):
    own = tmp_path / "own.yaml"
    columns = "{booking_date: [日], income: [入], expense: [出]}"
    more = "trailers: [尾], expenses_signed: true, decimal: ',', currencies: {葡币: MOP}"
    own.write_text(f"{{format: own, title: t, columns: {columns}, {more}}}", "utf-8")
    assert run(["feed", "describe", "--format", "bank_csv", "--set", f"layout={own}"]) == 0
    told = capsys.readouterr().out
    assert "an amount above zero is a credit; money out stands below zero" in told
    for said in ("trailers         尾\n", "currencies       葡币 MOP\n", "decimal          , stands before the fen\n"):
        assert said in told


@pytest.mark.parametrize("tokeniser", [None, Tokeniser("t", b"k" * 32)])
def test_a_wrong_check_digit_is_a_warning(tokeniser):
    good, wrong = "6222021234560017", "6222021234560018"
    line = "{number}|消费|1000||20260507093015||||||||||||||{number_}|||\n"
    cards = [good, wrong, wrong, "6228480000000000018", "622202******0018", ""]
    rows = [f"N{n}" + line.format(number="", number_=card) for n, card in enumerate(cards)]

    def notes(**settings: str) -> list[str]:
        given = Context("x20260507.txt", "w", {"mapping": "allinpay", **settings}, tokeniser)
        *blocks, closing = adapter("mapped_csv").read(io.BytesIO("".join(rows).encode()), given)
        assert (closing.accepted, [reject for block in blocks for reject in block.rejects]) == (6, [])
        return [note for note in closing.notes if "Luhn" in note]

    count = sum(not luhn(card) for card in {good, wrong, "6228480000000000018"})
    assert notes() == [f"card numbers with a wrong check digit (Luhn), taken all the same: {count}"]
    assert notes(rail="purse") == notes(instrument="citizen_card") == notes(instrument="e_card") == []


def test_check_digits_of_many_numbers_are_those_of_one():
    numbers = [str(10**size + step * 7) for size in range(12, 19) for step in range(40)]
    numbers += [str(9_999_999_999_999_999_999 - step * 10**place) for place in range(19) for step in range(1, 9)]
    tokens = CardTokens(None)
    tokens.of(pl.Series(numbers))
    assert tokens.wrong_check_digits == sum(not luhn(number) for number in numbers)


@pytest.mark.parametrize(("form", "settings"), [("unionpay_acom", ["--set", "record=acomn"]), ("pos_iso8583", [])])
def test_the_kinds_that_are_told_are_those_that_are_read(form, settings, capsys):
    assert run(["feed", "describe", "--format", form, *settings]) == 0
    told = capsys.readouterr().out
    messages = {
        "020x 021x": ("0200", "0210"),
        "022x 023x": ("0220", "0230"),
        "040x to 043x": ("0400", "0420", "0430"),
        "01xx 03xx 05xx 06xx 08xx 09xx": ("0100", "0320", "0500", "0820", "0920"),
    }
    for kinds, codes, what, kind in OPERATIONS:
        assert what in told
        for mti in messages.get(kinds, ("0200", "0220", "0420")):
            for code in [] if codes == "any other" else ["000000"] if codes == "any" else codes.split():
                row = pl.DataFrame({"m": [mti], "p": [code.ljust(6, "0")], "c": ["06" if code == "03" else "00"]})
                assert row.select(unionpay_kind("m", "p", "c")).item() == {"skipped": "SKIP"}.get(kind, kind), (
                    mti,
                    code,
                )
    unknown = pl.DataFrame(
        {"m": ["0200", "0240", "0450", "0200"], "p": ["770000", "000000", "000000", "030000"], "c": "00"}
    )
    assert unknown.select(unionpay_kind("m", "p", "c")).to_series().to_list() == [None] * 4


def test_records_long_after_their_clearing_date_are_told(capsys, tmp_path):
    data = _example("citizen_card", "layout=citizen_card", capsys)
    file = tmp_path / "SMK_20260507"
    for moment, ahead in ((b"20260514235959", False), (b"20260516093015", True), (b"20270507093015", True)):
        file.write_bytes(data.replace(b"20260507093015", moment))
        assert run(["feed", "check", str(file), "--format", "citizen_card"]) == 0
        note = "note: records more than 7 days after their clearing date, taken all the same: 1\n"
        assert (note in capsys.readouterr().out) is ahead


def test_check_digits_are_not_asked_of_a_file_of_several_rails():
    columns = [
        {"title": "日", "name": "occurred_at", "type": "datetime", "format": "YYYYMMDDhhmmss"},
        {"title": "卡", "name": "card_number", "type": "card"},
        {"title": "额", "name": "paid", "type": "amount"},
        {"title": "渠", "name": "rail", "values": {"钱包": "purse", "刷卡": "pos"}},
    ]
    head = {"format": "o", "title": "t", "encoding": "utf-8", "kind": "SALE", "key": ["occurred_at", "card_number"]}
    data = "日,卡,额,渠\n20260507093015,6222021234560018,1.00,钱包\n".encode()
    for kept in (columns, columns[:3]):
        rows = data if kept is columns else data.replace(",渠".encode(), b"").replace(",钱包".encode(), b"")
        context = Context("x", "w", {"mapping": {**head, "columns": kept}, "clearing_date": "2026-05-07"})
        *_, closing = adapter("mapped_csv").read(io.BytesIO(rows), context)
        assert (closing.accepted, closing.refused) == (1, None)
        assert any("Luhn" in note for note in closing.notes) is (kept is not columns)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            "citizen_card",
            ("' ' between fields, blanks behind texts", "total of paid, all records added up"),
        ),
        ("citizen_card", ("成交价 is 实付 plus 优惠", "实付金额; in fen; without a sign; zeros on the left")),
        ("mapped_csv mapping=purse_daily", ("in yuan; without a sign", "in yuan; may begin with '-' minus '+' plus")),
        ("mapped_csv mapping=wechat_pay", ("also blank: '0'",)),
        ("mapped_csv mapping=alipay", ("the example lacks these sentences",)),
        ("pos_iso8583", ("0520: total of SALE", "entries of 20", "LL19 bytes    ascii")),
        (
            "pos_iso8583 body=pos",
            ("LL19 digits    BCD, 0 behind", "3 digits       BCD, 0 before", "DE61 is"),
        ),
        ("pos_iso8583 body=pos track_pad=F", ("LL37 digits    BCD, F behind",)),
    ],
)
def test_a_description_says_what_a_bank_needs_to_write_the_file(how, words, capsys):
    """What fills the gaps, which amounts have a sign, how totals are added: without it a first file is refused."""
    form, *settings = how.split()
    assert run(["feed", "describe", "--format", form, *(part for one in settings for part in ("--set", one))]) == 0
    told = capsys.readouterr().out
    assert [word for word in words if word not in told] == []
