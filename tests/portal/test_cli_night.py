"""A night that cannot be run through is refused before it begins, so that what is missing can still be brought in."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.cli.main import run
from tests.portal.homes import SUZHOU, fresh_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with an access administrator and a programme manager, and nothing imported."""
    with fresh_home(tmp_path_factory.mktemp("night"), manager="programme_manager") as made:
        yield made


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    status = run(list(arguments))
    return status, capsys.readouterr().err


def bring(kind: str, file: Path) -> None:
    assert run(["import", kind, str(file), "--as", "manager"]) == 0


def calendar_of(year: str, path: Path) -> Path:
    """The example's calendar, of one year only."""
    with (SUZHOU / "calendar.csv").open(encoding="utf-8-sig") as stream:
        head, *rows = list(csv.reader(stream))
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([head, *(row for row in rows if row[0].startswith(year))])
    return path


def test_what_a_night_lacks_is_said_first_and_can_be_brought_in(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "night") == (
        2,
        "puhui: programme suzhou-2026 has not been imported; run `puhui import programme FOLDER`\n",
    )
    bring("programme", SUZHOU / "programme")
    status, line = said(capsys, "night")
    assert (status, line.count("\n")) == (2, 1)
    assert line.startswith("puhui: calendar: 2026-05-07 is not loaded; import the calendar of 2026")
    bring("calendar", calendar_of("2026", tmp_path / "calendar.csv"))
    status, line = said(capsys, "night")
    assert status == 0
    assert [word.split()[-1] for word in line.splitlines()][:3] == ["receive", "ingest", "rate"]

    # a date before the first, an empty date (an unset shell variable), a date whose night is still to come
    status, line = said(capsys, "night", "--date", "2020-01-01")
    assert (status, line.count("\n")) == (2, 1)
    assert "2020-01-01 is before the first business date 2026-05-07" in line
    assert said(capsys, "night", "--date", "") == (2, "puhui: --date: not a date; write YYYY-MM-DD, like 2026-05-07\n")
    assert "the night of 2026-05-08 has not finished" in said(capsys, "night", "--date", "2026-05-10")[1]
    assert said(capsys, "night", "--date", "2026-05-07") == (
        0,
        "the night of 2026-05-07 has finished before; nothing changed\n",
    )
    for wrong in ("2031-01-01", "2020-01-01"):
        status, line = said(capsys, "check", "--date", wrong)
        assert (status, line) == (
            2,
            f"puhui: no night of {wrong} has finished; run `puhui night` first, or give a date that has one\n",
        )
    assert home.is_dir()


def test_a_programme_folder_is_the_rules_in_force(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheme whose file was deleted went on granting; one renumbered in its file stopped the night; .yml was lost."""
    folder = tmp_path / "programme"
    shutil.copytree(SUZHOU / "programme", folder)
    bakery = folder / "schemes" / "s05-bakery.yaml"
    text = bakery.read_text("utf-8")
    bakery.with_suffix(".yml").write_text(text.replace("title: ", "title: new "), "utf-8")
    bakery.unlink()
    status, line = said(capsys, "import", "programme", str(folder), "--as", "manager")
    assert (status, "14 rows" in line) == (0, True)

    bakery.with_suffix(".yml").write_text(text.replace("version: 1\n", "version: 2\n"), "utf-8")
    status, line = said(capsys, "import", "programme", str(folder), "--as", "manager")
    assert status == 2
    assert (
        "schemes/s05-bakery.yml:2:9: scheme: version 1 of bakery-half has not ended and the folder lacks it; "
        "put its file back, and to end it write its last day in `effective.to` [SCHEME_LEFT_OUT]\n"
    ) in line
    ended = text.replace(re.search(r"effective: .*", text)[0], "effective: {from: 2026-05-01, to: 2026-05-06}")
    bakery.write_text(ended, "utf-8")
    new = text.replace("version: 1\n", "version: 2\n").replace(
        re.search(r"effective: .*", text)[0], "effective: {from: 2026-05-07}"
    )
    bakery.with_suffix(".yml").write_text(new, "utf-8")
    assert said(capsys, "import", "programme", str(folder), "--as", "manager")[0] == 0

    monkeypatch.setenv("PUHUI_NOW", "2026-05-07T07:00:00+08:00")  # the day before in UTC
    bakery.unlink()  # has ended: its file may go, and it stays in force for what comes late
    bakery.with_suffix(".yml").write_text(new.replace("from: 2026-05-07", "from: 2026-05-06"), "utf-8")
    status, line = said(capsys, "import", "programme", str(folder), "--as", "manager")
    assert (status, "[VERSIONS_OVERLAP]" in line) == (2, True)
    bakery.with_suffix(".yml").write_text(new.replace("title: ", "title: last "), "utf-8")
    assert said(capsys, "import", "programme", str(folder), "--as", "manager")[0] == 0
    assert home.is_dir()
