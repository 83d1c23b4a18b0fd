"""Bad configuration, missing databases and wrong words: one line that names the thing and the remedy, exit 2 or 3."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.cli.main import run
from settlement.store.keys import generate

ROOT = Path(__file__).resolve().parents[2]
NETWORK = "DF12345678123456789012345{day}0{number}I.txt"
GOOD = (ROOT / "examples" / "suzhou" / "puhui.toml").read_text("utf-8")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("PUHUI_")]:
        monkeypatch.delenv(name)
    return


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "puhui.toml").write_text(GOOD, "utf-8")
    generate(tmp_path / "puhui.keys")
    return tmp_path


def one_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = run(list(arguments))
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert "Traceback" not in said
    return status, said.strip()


def test_no_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = one_line(capsys, "night", "--home", str(tmp_path))
    assert (status, said) == (
        2,
        f"puhui: {tmp_path}/puhui.toml: not found; run `puhui init {tmp_path}` or give --home",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[programme]", "[programme", "cannot be read"),
        (
            'role = "feed"',
            'role = "fee"',
            "sources.0.role: Input should be 'feed', 'clearing', 'statement' or 'result'",
        ),
        ('timezone = "Asia/Shanghai"', 'timezone = "Asia/Suzhou"', "programme.timezone: no time zone 'Asia/Suzhou'"),
        ('theirs = "unionpay"', 'theirs = "unipay"', "channels.pos: no source 'unipay'; write one of smk, pos"),
        ('name = "pos"\ntitle = "银行POS流水"', 'name = "smk"\ntitle = "银行POS流水"', "sources: a name stands twice"),
        ('account = "main"', 'account = "min"', "payout.account: no account 'min'"),
        ("[policy]", "[policy]\ncolour = 1", "policy.colour: Extra inputs are not permitted"),
        ('version = "09"', 'file_name = "{batch}.xml"', "payout: file_name: write it with {batch_no}"),
        ('version = "09"', 'file_name = "{batch_no.x}"', "payout: file_name: write it with {batch_no}"),
        ('version = "09"', 'file_name = "{day[7]}{number}"', "payout: file_name: write it with {batch_no}"),
        ('version = "09"', 'file_name = "{number:>999}{day}"', "payout: file_name: write it with {batch_no}"),
        ('version = "09"', 'file_name = "{batch_no"', "payout: file_name: write it with {batch_no}"),
        ('version = "09"', 'bank = "30"', "payout.bank: String should match pattern"),
        ('version = "09"', 'file_name = "pay.xml"', "payout: file_name: two batches would have one name"),
        ('version = "09"', 'file_name = "{day}.xml"', "payout: file_name: two batches would have one name"),
        ('version = "09"', 'file_name = "../{batch_no}"', "payout: file_name: letters, digits"),
        ('"pain001"', '"bank_template"', "payout: settings: bank_template needs a layout"),
        ('version = "09"', 'settings = { layout = "x" }', "payout: settings: bank_template needs a layout"),
        ('"pain001"', '"bank_template"\nsettings = { layout = "minsheng_payout" }', "takes files named ^req_20"),
        *(
            (
                '"pain001"',
                f'"bank_template"\nfile_name = "{NETWORK}"\nsettings = {{ layout = "unionpay_payout"{more} }}',
                said,
            )
            for more, said in (
                ("", "header: version has no value"),
                (', version = 1.0, account_type = "01"', "payout.settings.version: write it in quotes"),
                (', version = "1.0", account_tipe = "01"', "payout.settings.account_tipe: no field of unionpay_payout"),
            )
        ),
    ],
)
def test_wrong_configuration(home: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str) -> None:
    assert old in GOOD
    (home / "puhui.toml").write_text(GOOD.replace(old, new, 1), "utf-8")
    status, line = one_line(capsys, "night", "--home", str(home))
    assert status == 2
    assert line.startswith(f"puhui: {home}/puhui.toml: ")
    assert said in line
    assert line.endswith("correct the file")


def test_no_keys(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "puhui.keys").unlink()
    status, said = one_line(capsys, "night", "--home", str(home))
    assert status == 2
    assert "puhui.keys" in said


@pytest.mark.parametrize(
    ("url", "status", "part"),
    [
        ("mysql://u@h/d", 2, "is not PostgreSQL"),
        ("postgresql://h", 2, "names no database"),
        ("nonsense", 2, "is no URL"),
        ("postgresql://puhui:hidden@127.0.0.1:1/puhui", 3, "nothing answers"),
    ],
)
def test_no_database(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    status: int,
    part: str,
) -> None:
    monkeypatch.setenv("PUHUI_DATABASE_URL", url)
    found, said = one_line(capsys, "night", "--home", str(home))
    assert found == status
    assert part in said
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("nigth",), "No such command 'nigth'"),
        (("night", "--day"), "No such option: --day"),
        (("import", "cards"), "Missing argument 'file'"),
        (("import", "fish", "x.csv"), "no kind 'fish'; write one of organisations, members, cards"),
        (("user", "add", "x", "--role", "king"), "no role 'king'; write one of programme_manager"),
    ],
)
def test_wrong_words(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], part: str) -> None:
    status, said = one_line(capsys, *arguments)
    assert status == 2
    assert part in said


def test_a_file_is_waived_for_a_reason(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = one_line(capsys, "waive", "bank", "--date", "2026-05-15", "--reason", " ", "--home", str(home))
    assert (status, said) == (2, "puhui: --reason: say why; it is kept with the decision")


def test_a_wrong_clock(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUHUI_NOW", "2026-05-07T23:30:00")
    status, said = one_line(capsys, "night", "--home", str(home))
    assert (status, said) == (2, "puhui: PUHUI_NOW: has no offset; write it like 2026-05-07T23:30:00+08:00")


def test_the_demo_refuses_a_folder_that_holds_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("all my work", "utf-8")
    status, said = one_line(capsys, "demo", str(tmp_path))
    assert status == 2
    assert "give an empty or new folder" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.txt"]
    shutil.rmtree(tmp_path)
