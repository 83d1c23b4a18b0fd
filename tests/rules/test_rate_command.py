"""`puhui rate`: the file contract, and everything that is refused with nothing written."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from portal.cli import rate
from settlement.model.errors import PuhuiError

PROGRAMME = """programme: town
timezone: Asia/Shanghai
sponsors: {city: {kind: union}, bank: {kind: bank}}
pools: [{name: budget, measure: amount, value: 1000.00, window: total}]
"""
SCHEME = """scheme: bread
version: 1
title: 面包五折
programme: town
effective: {from: 2026-01-01}
payee: merchant
benefit: {kind: percent, percent: 50, cap: 15.00}
limits: [{name: one-a-week, per: [member], measure: count, value: 1, window: week}]
pools: [budget]
funding: [{sponsor: city, share: 1}, {sponsor: bank, share: 2}]
"""
MERCHANTS = "merchant_no,name,category,district,hq_district,valid_from,valid_to\nM1,店,food,gusu,gusu,,\n"
MEMBERS = "member_no,org,district,status,tags,valid_from,valid_to\nU1,o,gusu,active,a|b,,\n"
HEAD = "transaction_id,kind,original_id,occurred_at,member_no,merchant_no,instrument,gross,claimed\n"
SALE = "t1,SALE,,2026-05-06T10:00:00+08:00,U1,M1,bank_card,19.90,\n"


def app() -> typer.Typer:
    made = typer.Typer(pretty_exceptions_enable=False)
    rate.register(made)
    made.callback()(lambda: None)  # with a single verb typer would take its name away
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(app(), list(words))


def town(folder: Path, **files: str) -> Path:
    texts = {"programme.yaml": PROGRAMME, "schemes/bread.yaml": SCHEME, "merchants.csv": MERCHANTS,
             "members.csv": MEMBERS, "transactions.csv": HEAD + SALE, **files}  # fmt: skip
    (folder / "schemes").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    return folder


def rated(folder: Path, *more: str) -> Result:
    return run(
        "rate", str(folder), "--transactions", str(folder / "transactions.csv"), "--out", str(folder / "a.csv"), *more
    )


def test_awards_are_written_as_the_page_says(tmp_path: Path) -> None:
    assert rated(town(tmp_path)).exit_code == 0
    assert (tmp_path / "a.csv").read_bytes() == (
        b"transaction_id,scheme,version,entitled,granted,outcome,limit,payee,sponsors\n"
        b"t1,bread,1,9.95,9.95,GRANTED,,merchant,city=3.32|bank=6.63\n"
    )


def test_a_file_without_a_row_gives_a_file_without_a_row(tmp_path: Path) -> None:
    folder = town(tmp_path, **{"transactions.csv": HEAD})
    for engine in ("reference", "kernel"):
        assert rated(folder, "--state", str(tmp_path / "state"), "--engine", engine).exit_code == 0
        assert (tmp_path / "a.csv").read_text() == (
            "transaction_id,scheme,version,entitled,granted,outcome,limit,payee,sponsors\n"
        )


def test_state_goes_on_and_a_known_transaction_is_refused(tmp_path: Path) -> None:
    folder, state = town(tmp_path), str(tmp_path / "state")
    assert rated(folder, "--state", state).exit_code == 0
    again = rated(folder, "--state", state)
    assert (again.exit_code, "transactions.csv:2" in again.output, "earlier batch" in again.output) == (2, True, True)
    town(tmp_path, **{"transactions.csv": HEAD + SALE.replace("t1", "t2").replace("05-06", "05-07")})
    assert rated(folder, "--state", state).exit_code == 0
    assert (
        "t2,bread,1,9.95,0.00,LIMIT_EXHAUSTED,one-a-week,merchant,city=0.00|bank=0.00"
        in (tmp_path / "a.csv").read_text()
    )
    assert len(list((tmp_path / "state").glob("batch-*"))) == 1


def test_state_of_another_programme_is_refused(tmp_path: Path) -> None:
    folder, state = town(tmp_path), str(tmp_path / "state")
    assert rated(folder, "--state", state).exit_code == 0
    other = {"programme.yaml": PROGRAMME.replace("programme: town", "programme: city"),
             "schemes/bread.yaml": SCHEME.replace("programme: town", "programme: city")}  # fmt: skip
    result = rated(town(tmp_path, **other), "--state", state)
    assert isinstance(result.exception, PuhuiError)
    assert "the state of programme town" in str(result.exception)


def test_explain_says_what_stopped_it_and_what_it_would_have_been(tmp_path: Path) -> None:
    second = SALE.replace("t1", "t2").replace("T10", "T11")
    folder = town(tmp_path, **{"transactions.csv": HEAD + SALE + second})
    assert rated(folder, "--explain", str(tmp_path / "e.jsonl")).exit_code == 0
    entries = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [e["transaction_id"] for e in entries] == ["t1", "t2"]
    candidate = entries[1]["schemes"][0]
    assert candidate["without"] == {"one-a-week": "9.95 without one-a-week"}
    (cut,) = candidate["lowered"]
    assert (cut["by"], cut["from"], cut["to"], cut["zh"]) == ("one-a-week", "9.95", "0.00", "本周限1次已用完")
    assert entries[1]["zh"] == ["面包五折：补贴成交价的50%，封顶15元 适用；本周限1次已用完，故补贴0元"]
    assert entries[0]["awards"][0]["shares"] == [
        {"sponsor": "city", "amount": "3.32"}, {"sponsor": "bank", "amount": "6.63"},
    ]  # fmt: skip
    assert entries[0]["awards"][0]["rule"].endswith("bread.yaml:1")


REFUSED = [
    ("transactions.csv", HEAD + SALE.replace("SALE", "SELL"), "transactions.csv:2: kind: unknown kind; write SALE"),
    ("transactions.csv", HEAD + SALE.replace("+08:00", ""), "transactions.csv:2: occurred_at: a time without offset"),
    ("transactions.csv", HEAD + SALE.replace("T10:", "T25:"), "transactions.csv:2: occurred_at"),
    ("transactions.csv", HEAD + SALE.replace("05-06", "02-30"), "transactions.csv:2: occurred_at"),
    ("transactions.csv", HEAD + SALE.replace("19.90", "-1.00"), "transactions.csv:2: gross: not an amount"),
    ("transactions.csv", HEAD + SALE.replace("19.90", "19.905"), "transactions.csv:2: gross: not an amount"),
    ("transactions.csv", HEAD + SALE.replace("19.90", "NaN"), "transactions.csv:2: gross: not an amount"),
    ("transactions.csv", HEAD + SALE.replace("19.90", "1e3"), "transactions.csv:2: gross: not an amount"),
    ("transactions.csv", HEAD + SALE.replace("19.90", "0.00"), "transactions.csv:2: gross: not above 0.00"),
    ("transactions.csv", HEAD + SALE.replace("19.90", ""), "transactions.csv:2: gross: blank"),
    ("transactions.csv", HEAD + SALE.replace("19.90", "1" * 15), "transactions.csv:2: gross: too large"),
    ("transactions.csv", HEAD + SALE + SALE, "transactions.csv:3: transaction_id: stands twice"),
    ("transactions.csv", HEAD + "\n" + SALE + SALE, "transactions.csv:4: transaction_id: stands twice"),
    ("transactions.csv", HEAD + SALE.replace("t1", "x" * 10_000_000), "transactions.csv:2"),
    ("transactions.csv", HEAD + SALE.replace("t1", "x" * 600), "transactions.csv:2: transaction_id: more than 500"),
    ("transactions.csv", HEAD + SALE.replace("t1", "t\x001"), "transactions.csv:2"),
    ("transactions.csv", HEAD + SALE.replace(",U1", ",U1,U2"), "transactions.csv:2: 10 fields; write 9"),
    ("transactions.csv", HEAD + SALE + "t2,SALE\n", "transactions.csv:3: 2 fields; write 9"),
    ("transactions.csv", HEAD + SALE + '"t2,SALE\n', "transactions.csv:3"),
    ("transactions.csv", HEAD.replace(",gross", "") + SALE, "transactions.csv:1: gross: column gross is missing"),
    ("transactions.csv", HEAD.replace("claimed", "claimed,note") + SALE, "transactions.csv:1: unknown column 'note'"),
    ("transactions.csv", "", "transactions.csv:1: the file is empty"),
    ("members.csv", MEMBERS + MEMBERS.splitlines()[1] + "\n", "members.csv:3: member_no: stands twice"),
    ("members.csv", MEMBERS.replace("a|b,,", "a|b,2026-02-30,"), "members.csv:2: valid_from: not a date"),
    ("members.csv", MEMBERS.replace("a|b,,", "a|b,0000-01-01,"), "members.csv:2: valid_from: not a date"),
    ("entitlements.csv", "entitlement_no,member_no,scheme,uses,amount,valid_from,valid_to\ne1,U1,bread,x,,,\n",
     "entitlements.csv:2: uses: not a whole number"),
    ("calendar.csv", "date,kind\n2026-05-01,holiday\n", "calendar.csv:2: kind: unknown kind; write workday, restday"),
    ("schemes/bread.yaml", SCHEME.replace("[budget]", "[bugdet]"), "bread.yaml:9: pools[1]: pool bugdet"),
    ("schemes/bread.yaml", SCHEME.replace("sponsor: bank", "sponsor: bonk"), "bread.yaml:10: funding[2].sponsor"),
    ("schemes/bread.yaml", SCHEME.replace("programme: town", "programme: toun"), "bread.yaml:4: programme"),
    ("schemes/again.yaml", SCHEME, "bread.yaml:2: version: version 1 of bread also stands in"),
    ("schemes/later.yaml", SCHEME.replace("version: 1", "version: 2"), "later.yaml:5: effective: version 2"),
    ("schemes/bread.yaml", SCHEME.replace("cap: 15.00", "cap: 15.001"), "bread.yaml:7: benefit.cap: more"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "says"), REFUSED)
def test_bad_input_is_refused_with_file_line_and_remedy(file: str, text: str, says: str, tmp_path: Path) -> None:
    result = rated(town(tmp_path, **{file: text}), "--state", str(tmp_path / "state"))
    assert (result.exit_code, says in result.output) == (2, True), result.output[:2000]
    assert all("; " in line for line in result.output.splitlines())
    assert not (tmp_path / "a.csv").exists()
    assert not (tmp_path / "state").exists()


def test_wrong_encoding_names_the_line(tmp_path: Path) -> None:
    folder = town(tmp_path)
    (folder / "merchants.csv").write_bytes(MERCHANTS.encode("gb18030"))
    result = rated(folder)
    assert (result.exit_code, "merchants.csv:2: not UTF-8; save the file as CSV UTF-8" in result.output) == (2, True)


def test_a_blank_head_office_is_refused_where_the_district_pays(tmp_path: Path) -> None:
    shared = SCHEME.replace("sponsor: bank", "sponsor: district")
    blank = MERCHANTS.replace("gusu,gusu", "gusu,")
    result = rated(town(tmp_path, **{"schemes/bread.yaml": shared, "merchants.csv": blank}))
    assert (result.exit_code, "merchants.csv:2: hq_district" in result.output) == (2, True), result.output


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    result = run("rate", str(tmp_path), "--transactions", "no.csv", "--out", str(tmp_path / "a.csv"))
    assert isinstance(result.exception, PuhuiError)
    assert "programme.yaml" in str(result.exception)


def test_an_output_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    folder = town(tmp_path)
    nowhere = str(tmp_path / "no" / "e.jsonl")
    result = rated(folder, "--explain", nowhere, "--state", str(tmp_path / "state"))
    assert isinstance(result.exception, PuhuiError)
    assert (result.exception.exit_code, "e.jsonl" in str(result.exception)) == (2, True)
    assert not list(tmp_path.glob("a.csv*"))
    assert not (tmp_path / "state" / "CURRENT").exists()


@pytest.mark.parametrize(
    ("out", "explain", "says"),
    [
        ("transactions.csv", "e.jsonl", "is the file of --transactions too"),
        ("a.csv", "a.csv", "is the file of --out too"),
        ("a.csv", "members.csv", "is the file of the programme too"),
        ("programme.yaml", "e.jsonl", "is the file of the programme too"),
        ("schemes/bread.yaml", "e.jsonl", "is the file of the programme too"),
        ("a.csv", "schemes", "is a directory"),
        ("schemes", "e.jsonl", "is a directory"),
    ],
)
def test_a_file_is_not_written_over_another(out: str, explain: str, says: str, tmp_path: Path) -> None:
    folder, state = town(tmp_path), tmp_path / "state"
    assert rated(folder, "--state", str(state)).exit_code == 0
    next_day = HEAD + SALE.replace("t1", "t2").replace("05-06", "05-07")
    (town(tmp_path, **{"transactions.csv": next_day}) / "a.csv").unlink()
    words = ["--transactions", str(folder / "transactions.csv"), "--out", str(folder / out)]
    result = run("rate", str(folder), *words, "--explain", str(folder / explain), "--state", str(state))
    assert (isinstance(result.exception, PuhuiError), says in str(result.exception)) == (True, True)
    assert (folder / "transactions.csv").read_text() == next_day
    assert not list(folder.glob("a.csv*")) + list(folder.glob("e.jsonl*"))
    assert [p.name for p in state.glob("batch-*")] == ["batch-000001"]


def test_a_state_that_could_not_be_kept_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(temporary: Path, final: Path) -> None:
        raise PuhuiError(f"{temporary} {final}")

    monkeypatch.setattr(rate, "_rename", full)
    assert isinstance(rated(town(tmp_path), "--state", str(tmp_path / "state")).exception, PuhuiError)
    assert not (tmp_path / "state").exists()


def test_a_state_that_another_run_has_is_left_alone(tmp_path: Path) -> None:
    folder, state = town(tmp_path), tmp_path / "state"
    state.mkdir()
    door = os.open(state, os.O_RDONLY)
    fcntl.flock(door, fcntl.LOCK_EX)
    result = rated(folder, "--state", str(state))
    assert isinstance(result.exception, PuhuiError)
    assert (result.exception.exit_code, "another run" in str(result.exception)) == (3, True)
    assert (state.is_dir(), (folder / "a.csv").exists()) == (True, False)
    os.close(door)
    assert rated(folder, "--state", str(state)).exit_code == 0


def test_a_state_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    folder, state = town(tmp_path), tmp_path / "state"
    assert rated(folder, "--state", str(state)).exit_code == 0
    town(tmp_path, **{"transactions.csv": HEAD + SALE.replace("t1", "t2")})
    usage = state / "batch-000001" / "usage.parquet"
    data = usage.read_bytes()
    for at in range(0, len(data), len(data) // 20):
        usage.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        result = rated(folder, "--state", str(state))
        assert isinstance(result.exception, PuhuiError)
        assert "put the state directory back from a copy" in str(result.exception)


def test_a_state_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x")
    result = rated(town(tmp_path), "--state", str(tmp_path / "state"))
    assert isinstance(result.exception, PuhuiError)
    assert (result.exception.exit_code, "give a directory" in str(result.exception)) == (2, True)


def test_quotes_crlf_bom_and_blank_lines_are_read(tmp_path: Path) -> None:
    plain = rated(town(tmp_path / "plain"))
    odd = "\ufeff" + (HEAD + '"t1","SALE","",2026-05-06T02:00:00.0Z,U1,M1,bank_card,"19.9",\n\n').replace("\n", "\r\n")
    other = rated(town(tmp_path / "odd", **{"transactions.csv": odd}))
    assert (plain.exit_code, other.exit_code) == (0, 0), other.output
    assert (tmp_path / "plain/a.csv").read_bytes() == (tmp_path / "odd/a.csv").read_bytes()
