"""`puhui feed` as a bank runs it: exit codes, what is printed, what is written, no card number anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import feeds_support as s
import polars as pl
import pytest

from adapters.feeds import citizen_card
from portal.cli.main import run
from settlement.model.frames import PAYMENT


@pytest.fixture
def smk(tmp_path):
    frame = s.citizen_frame(12)
    path = tmp_path / "SMK_20260507"
    path.write_bytes(s.write("citizen_card", frame, s.context(frame, "smk")))
    return path, frame


def test_check_and_convert_a_good_file(smk, tmp_path, capsys):
    path, frame = smk
    assert run(["feed", "check", str(path), "--format", "citizen_card", "--json"]) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert (receipt["status"], receipt["accepted"], receipt["records"]) == (
        "ACCEPTED",
        12,
        {"read": 12, "declared": 12},
    )
    out = tmp_path / "x.csv"
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(out)]) == 0
    rows = pl.read_csv(out, infer_schema=False)
    assert rows["paid"][0] == f"{frame['paid_fen'][0] // 100}.{frame['paid_fen'][0] % 100:02d}"
    assert rows["occurred_at"][0] == "2026-05-07T09:00:00+08:00"
    assert "paid_fen" not in rows.columns
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(tmp_path / "x.parquet")]) == 0
    assert pl.read_parquet(tmp_path / "x.parquet").height == 12


def test_rejects_are_one_and_refusals_two(smk, tmp_path, capsys):
    path, frame = smk
    data = path.read_bytes()
    at = data.index(b"20260507090003")
    path.write_bytes(data[:at] + b"20260532" + data[at + 8 :])
    out = tmp_path / "x.csv"
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(out)]) == 1
    assert pl.read_csv(out, infer_schema=False).height == 11
    assert "BAD_DATE" in capsys.readouterr().err
    assert run(["feed", "check", str(path), "--format", "citizen_card"]) == 1
    printed = capsys.readouterr().out
    assert "record 4, byte 961: occurred_at" in printed
    assert not [card for card in frame["card_number"] if len(card) > 10 and card in printed]
    path.write_bytes(data[:-4])
    kept = out.read_bytes()
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(out)]) == 2
    assert out.read_bytes() == kept
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".feed-")] == []
    assert run(["feed", "check", str(path), "--format", "citizen_card"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "nofile", "--format", "citizen_card"], "no such file"),
        (["check", "nofile"], "say which file this is"),
        (["describe", "--format", "nope"], "is not known"),
        (["describe", "--format", "unionpay_acom"], "setting record"),
        (["describe", "--format", "citizen_card", "--set", "layout"], "write key=value"),
        (
            ["describe", "--format", "citizen_card", "--set", "rail=bus"],
            "--set rail: 'bus' is none of pos, purse, bank",
        ),
        (
            ["describe", "--format", "mapped_csv", "--set", "instrument=card"],
            "'card' is none of citizen_card, bank_card",
        ),
        (["describe", "--format", "citizen_card", "--set", "layout=none.yaml"], "no such file"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, words, capsys):
    assert run(["feed", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_describe_and_list(capsys):
    for arguments in (["--format", "unionpay_acom", "--set", "record=acomn"], ["--format", "pos_iso8583"]):
        assert run(["feed", "describe", *arguments]) == 0
        assert "card_number" in capsys.readouterr().out
    assert run(["feed", "list"]) == 0
    assert "citizen_card" in capsys.readouterr().out


def spoilt(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    run(["feed", *arguments])
    return capsys.readouterr().out


def test_the_wrong_bytes_are_pointed_out(smk, capsys):
    path, _ = smk
    path.write_bytes(spoilt(path.read_bytes(), b"20260507090003", b"20260532090003"))
    lines = printed(capsys, "check", str(path), "--format", "citizen_card").splitlines()
    at = next(n for n, line in enumerate(lines) if "[BAD_DATE]" in line)
    assert lines[at + 1] == "    remedy: write a day and time that exist, in the form that the layout names"
    place = "bytes 125-138 of the record, from byte 1085 of the file"
    assert lines[at + 2] == f"    occurred_at is datetime, {place}: 交易时间; YYYYMMDDhhmmss"
    start = lines[at + 4].index("^")
    assert lines[at + 3][start - 6 :].find("20260532090003") in range(7)
    assert lines[at + 4].count("^") == 14
    assert "rejects: 1 (1 BAD_DATE in occurred_at)" in lines


def _bad_card(data: bytes, number: str, *, packed: bool) -> bytes:
    """The number with one wrong character in its middle, as text or packed."""
    if not packed:
        return spoilt(data, number.encode(), f"{number[:7]}X{number[8:]}".encode())
    return spoilt(data, bytes.fromhex(number), bytes.fromhex(number[:7] + "d" + number[8:]))


CARD_FORMATS = [
    ("citizen_card", "SMK_20260507", {}, s.citizen_frame),
    ("pos_iso8583", "POS20260507", {"body": "cups"}, s.pos_frame),
    ("pos_iso8583", "POS20260507", {"body": "pos"}, s.pos_frame),
    ("unionpay_acom", "IND26050701ACOMN", {"record": "acomn"}, s.pos_frame),
    ("unionpay_acom", "IND26050701ACOMA", {"record": "acoma"}, s.pos_frame),
    ("mapped_csv", "PURSE_20260507.csv", {"mapping": "purse_daily"}, s.purse_frame),
]


@pytest.mark.parametrize(("form", "name", "settings", "made"), CARD_FORMATS, ids=lambda v: str(v)[:24])
@pytest.mark.parametrize("damage", ["card", "other"])
def test_no_card_number_is_shown_in_any_format(form, name, settings, made, damage, tmp_path, capsys):
    """Neither where the card itself is wrong, nor where something beside it is; with `--json` too."""
    frame = made(40).filter(pl.col("card_number").str.len_chars() == 16)
    source = frame["source"][0]
    data = s.write(form, frame, s.context(name, source, s.DAY, **settings))
    number, merchant = frame["card_number"][1], frame["merchant_no"][1]
    if damage == "card":
        data = _bad_card(data, number, packed=settings.get("body") == "pos")
    else:
        at = data.index(number.encode() if settings.get("body") != "pos" else bytes.fromhex(number))
        data = data[:at] + data[at:].replace(merchant.encode(), b"\xff" * 15, 1)
    (tmp_path / name).write_bytes(data)
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    arguments = ["check", str(tmp_path / name), "--format", form, *options]
    status = run(["feed", *arguments])
    out = capsys.readouterr().out + printed(capsys, *arguments, "--json")
    if damage == "card" or form != "pos_iso8583":  # text of a message is any byte
        assert status in {1, 2}
    if damage == "card" or form not in {"pos_iso8583", "mapped_csv"}:  # a CSV is refused for its encoding
        assert "^^^^" in out
    digits = out.replace(" ", "")
    for card in frame["card_number"]:
        assert card not in digits
        assert card[:7] not in digits or damage == "other", "more than six digits of a card's cell"
    if damage == "card":
        assert f"{number[:6]}*" in digits.replace("'", ""), "the cell is shown, masked"


def test_a_key_that_stands_twice_in_a_file(smk, tmp_path, capsys):
    """As the night: the same again is counted, other content is held; `convert` writes what the file says."""
    path, frame = smk
    same = frame[:1]
    other = same.with_columns(pl.col("paid_fen", "gross_fen") + 100)
    for extra, figures, status in (([same], (1, 0), 0), ([same, other], (1, 1), 1)):
        path.write_bytes(s.write("citizen_card", pl.concat([frame, *extra]), s.context(frame, "smk")))
        assert run(["feed", "check", str(path), "--format", "citizen_card", "--json"]) == status
        told = json.loads(capsys.readouterr().out)
        assert (told["duplicate"], told["quarantined"]) == figures
        assert told["accepted"] + sum(figures) == told["records"]["read"]
        assert [reject["code"] for reject in told["rejects"]] == ["DUPLICATE_ROW", "CONFLICT"][: len(extra)]
        assert sum(row["records"] for row in told["accepted_by"]) == told["accepted"]
    text = printed(capsys, "check", str(path), "--format", "citizen_card")
    assert f"{path.name}: record" in text
    path.write_bytes(s.write("citizen_card", pl.concat([frame] * 100), s.context(frame, "smk")))
    told = json.loads(printed(capsys, "check", str(path), "--format", "citizen_card", "--json"))
    assert told["duplicate"] == 99 * frame.height > len(told["rejects"]) == 1000, "as many are told as are shown"
    assert run(["feed", "convert", str(path), "--format", "citizen_card", "--out", str(tmp_path / "x.csv")]) == 0


def test_against_an_earlier_delivery(smk, tmp_path, capsys):
    """The same bytes, more rows, another amount with a missing row: what the night would make of each, with money."""
    path, frame = smk
    before = tmp_path / "before"
    before.write_bytes(path.read_bytes())

    def checked(rows: pl.DataFrame | None) -> tuple[int, dict]:
        if rows is not None:
            path.write_bytes(s.write("citizen_card", rows, s.context(frame, "smk")))
        status = run(["feed", "check", str(path), "--format", "citizen_card", "--against", str(before), "--json"])
        return status, json.loads(capsys.readouterr().out)

    status, said = checked(None)
    assert (status, said["status"], said["delivery"], said["changes"]) == (0, "DUPLICATE", 2, None)
    status, said = checked(s.citizen_frame(14))
    assert (status, said["status"], said["accepted"], said["duplicate"]) == (0, "SUPERSET", 2, 12)
    assert [row["what"] for row in said["changes"]] == ["added", "added", None]
    more = pl.when(pl.col("record") == 2).then(100).otherwise(0)
    other = frame.with_columns(pl.col("paid_fen") + more, pl.col("gross_fen") + more).filter(pl.col("record") != 5)
    status, said = checked(other)
    counts = (said["accepted"], said["duplicate"], said["quarantined"])
    assert (status, said["status"], counts) == (1, "CONFLICT", (0, 10, 1))
    assert {reject["code"] for reject in said["rejects"]} == {"CONFLICT", "VANISHED"}
    assert [row["what"] for row in said["changes"]] == ["changed", "vanished", None]
    gone = frame["paid_fen"][4] * (1 if frame["kind"][4] == "SALE" else -1)
    assert said["changes"][0]["change"] == ("1.00" if frame["kind"][1] == "SALE" else "-1.00")
    assert int(said["changes"][-1]["change"].replace(".", "")) in {100 - gone, -100 - gone}
    text = printed(capsys, "check", str(path), "--format", "citizen_card", "--against", str(before))
    assert "against the delivery before: CONFLICT: 1 rows differ from the delivery before, 1 are missing" in text
    assert "would be accepted" not in text, "all of it is held, or was taken before"


def test_convert_never_writes_over_its_own_file_or_a_folder(smk, tmp_path, capsys):
    path, frame = smk
    own = tmp_path / "own.csv"
    own.write_bytes(path.read_bytes())
    (tmp_path / "folder.csv").mkdir()
    for out in (own, tmp_path / "folder.csv", tmp_path / "nowhere" / "x.csv"):
        assert run(["feed", "convert", str(own), "--format", "citizen_card", "--out", str(out)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert own.read_bytes() == path.read_bytes()
    assert frame.height == 12


def test_a_source_may_have_a_layout_of_its_own(smk, tmp_path, capsys):
    """puhui.toml names a YAML file below the home; a wrong one is told with its place."""
    path, _ = smk
    text = (Path(__file__).resolve().parents[3] / "examples" / "suzhou" / "puhui.toml").read_text("utf-8")
    head, tail = text.split('name = "smk"', 1)
    (tmp_path / "puhui.toml").write_text(f'{head}name = "smk"\nsettings = {{ layout = "own.yaml" }}{tail}', "utf-8")
    own = (Path(citizen_card.__file__).parent / "layouts" / "citizen_card.yaml").read_text("utf-8")
    (tmp_path / "own.yaml").write_text(own, "utf-8")
    arguments = ["feed", "check", str(path), "--source", "smk", "--home", str(tmp_path)]
    assert run(arguments) == 0
    (tmp_path / "own.yaml").write_text(own.replace("shape: fixed", "shape: fixt"), "utf-8")
    capsys.readouterr()
    assert run(arguments) == 2
    assert "own.yaml:" in capsys.readouterr().err
    (tmp_path / "own.yaml").unlink()
    assert run(arguments) == 2
    assert "own.yaml: no such file or directory; give a layout" in capsys.readouterr().err


def test_a_payout_file_is_read_as_its_bank_will(tmp_path, capsys):
    """What the template writes, `check` and `convert` read; accounts leave masked."""
    items = pl.DataFrame(
        [["SZ-1", 12_345, "得月楼", "6222021234567890", "", "102305000017", "补贴"]], schema=PAYMENT, orient="row"
    )
    name = "req_20260507_001.txt"
    data = s.write("bank_template", items, s.context(name, "payout", layout="minsheng_payout"))
    (tmp_path / name).write_bytes(data)
    arguments = [str(tmp_path / name), "--format", "bank_template", "--set", "layout=minsheng_payout"]
    out = tmp_path / "x.csv"
    assert run(["feed", "convert", *arguments, "--out", str(out)]) == 0
    row = pl.read_csv(out, infer_schema=False).row(0, named=True)
    assert (row["end_to_end_id"], row["amount"], row["payee_account"]) == ("SZ-1", "123.45", "622202******7890")
    (tmp_path / name).write_bytes(data.replace(b"|12345|", b"|12346|", 1) if b"|12345|" in data else data[:-1])
    assert run(["feed", "check", *arguments]) == 2
    assert "6222021234567890" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("balances", "codes", "said"),
    [
        (("OPBD", "CLBD"), (0, 0), None),
        (("OPBD",), (1, 0), "BALANCE_MISSING"),  # `convert` writes what a person may look at; the night takes nothing
        (("OPBD", "ITBD", "CLBD"), (1, 1), "BALANCE_DIFFERENCE"),
    ],
)
def test_a_statement_is_taken_only_where_its_balances_prove_it(tmp_path, capsys, balances, codes, said):
    amount = {"OPBD": "10.00", "CLBD": "13.00" if len(balances) < 3 else "14.00"}
    parts = [
        f"<Bal><Tp><CdOrPrtry><Cd>{name}</Cd></CdOrPrtry></Tp><Amt Ccy='CNY'>{amount[name]}</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-05-07</Dt></Dt></Bal>"
        for name in balances
        if name in amount
    ]
    path = tmp_path / "camt.xml"
    path.write_text(
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>"
        "<CreDtTm>2026-05-07T00:00:00</CreDtTm></GrpHdr><Stmt><Id>S1</Id><Acct><Id><Othr><Id>3220001</Id></Othr></Id>"
        f"<Ccy>CNY</Ccy></Acct>{''.join(parts)}<Ntry><Amt Ccy='CNY'>3.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>"
        "<Sts>BOOK</Sts><BookgDt><Dt>2026-05-07</Dt></BookgDt></Ntry></Stmt></BkToCstmrStmt></Document>",
        "utf-8",
    )
    out = str(tmp_path / "x.csv")
    code = run(["feed", "check", str(path), "--format", "camt053", "--json"])
    receipt = json.loads(capsys.readouterr().out)
    assert (code, run(["feed", "convert", str(path), "--format", "camt053", "--out", out])) == codes
    assert (receipt["status"], receipt["accepted"]) == (("REJECTED", 0) if said else ("ACCEPTED", 1))
    assert [(r["code"], r["message"].split(":")[0]) for r in receipt["rejects"]] == (
        [("BALANCE", said)] if said else []
    )
