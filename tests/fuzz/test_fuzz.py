"""The fuzzer itself: its seeds are good files, a short seeded run of every subject, and it finds what is planted."""

from __future__ import annotations

import dataclasses
import importlib.util
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import fuzz_run
import polars as pl
import pytest
from fuzz_mutator import batch, mutate
from fuzz_oracle import CARDS, check
from fuzz_run import FOUND, ROOT, Run, run_mutator
from fuzz_subjects import Subject, subjects

from adapters.base import Closing, Context, Parsed

NAMES = sorted(subjects())
EXECUTIONS = 40
MORE = {"unionpay_zm": 200}  # without the samples most changes of its three seeds end at the length of a record


@pytest.mark.parametrize("name", NAMES)
def test_the_first_seed_of_every_variant_is_accepted_whole(name: str) -> None:
    subject = subjects()[name]
    for number in range(len(subject.variants)):
        first = next(data for data in subject.seeds() if data[0] == number)
        assert check(subject, first) in {"whole", "noted"}


@pytest.mark.parametrize("name", NAMES)
def test_changed_files_never_break_a_reader(name: str, tmp_path: Any) -> None:
    executions = MORE.get(name, EXECUTIONS)
    run = Run(subjects()[name], executions, 0)
    assert run_mutator(run, 20260507, tmp_path) == 0
    assert sum(run.outcomes.values()) == executions + run.batches
    assert len(run.outcomes) > 2, run.outcomes


@pytest.mark.parametrize("name", ["citizen_card", "unionpay_acom", "unionpay_zm"])
def test_a_batch_holds_accepted_and_rejected_records(name: str) -> None:
    subject = subjects()[name]
    data = batch(random.Random(1), subject, subject.seeds())
    assert check(subject, data) == "rejects"


def test_a_mutation_is_a_pure_function_of_its_seed() -> None:
    for name in NAMES:
        subject = subjects()[name]
        if not subject.binary:  # zip files carry the time
            start = subject.seeds()[0]
            assert mutate(random.Random(5), subject, start) == mutate(random.Random(5), subject, start)


# --- the oracle can fail: bugs planted in a reader that is otherwise the real one ------------------------------------

Items = Iterator[Parsed | Closing]
Plant = Callable[[list[Any]], list[Any]]


def _planted(name: str, plant: Plant) -> Subject:
    real = subjects()[name]

    @dataclasses.dataclass(frozen=True)
    class Planted(Subject):
        @property
        def read(self) -> Any:
            def read(stream: BinaryIO, context: Context) -> Items:
                yield from plant(list(real.read(stream, context)))

            return read

    return Planted(real.name, real.variants, real.tokens, real.binary)


def _closing(**changes: Any) -> Plant:
    return lambda items: [*items[:-1], dataclasses.replace(items[-1], **changes)]


def _raises(items: list[Any]) -> list[Any]:
    raise KeyError("planted")


def _accepts_what_is_refused(items: list[Any]) -> list[Any]:
    closing = items[-1]
    if closing.refused is None or closing.refused.code not in {"COUNT_MISMATCH", "TOTAL_MISMATCH"}:
        return items
    return [*items[:-1], dataclasses.replace(closing, refused=None, total_fen=closing.declared_total_fen)]


def _leaks(items: list[Any]) -> list[Any]:
    if not isinstance(items[0], Parsed):
        return items
    return [Parsed(items[0].frame.with_columns(card_masked=pl.lit(CARDS[0])), items[0].rejects), *items[1:]]


def _loses_notes(items: list[Any]) -> list[Any]:
    return _closing(notes=())(items)


def _one_row_less(items: list[Any]) -> list[Any]:
    if not isinstance(items[0], Parsed):
        return items
    return [Parsed(items[0].frame.head(max(items[0].frame.height - 1, 0)), items[0].rejects), *items[1:]]


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("citizen_card", _raises),
        ("citizen_card", _closing(records=99)),
        ("citizen_card", lambda items: items[:-1]),
        ("citizen_card", _accepts_what_is_refused),
        ("citizen_card", _leaks),
        ("citizen_card", _one_row_less),
        ("bank_result", _accepts_what_is_refused),
        ("mapped_csv", _accepts_what_is_refused),
        ("mt940", _loses_notes),
        ("mt940", _one_row_less),
        ("camt053", _loses_notes),
        ("bank_csv", _one_row_less),
        ("unionpay_zm", _leaks),
    ],
)
def test_a_planted_bug_is_found_and_kept(name: str, plant: Plant, tmp_path: Any, capsys: Any) -> None:
    run = Run(_planted(name, plant), 4000, 0)
    assert run_mutator(run, 7, tmp_path) == FOUND
    (kept,) = tmp_path.iterdir()
    with pytest.raises((AssertionError, KeyError)):  # the kept input repeats it
        check(run.subject, kept.read_bytes())
    check(subjects()[name], kept.read_bytes())  # and the real reader has no such bug


PLANT = """
import sys
sys.path.insert(0, "tests/fuzz")
import fuzz_first
import fuzz_run
import test_fuzz
from pathlib import Path
fuzz_run.KEPT = Path(sys.argv.pop())
real = fuzz_run.subjects()
real["pain002"] = test_fuzz._planted("pain002", test_fuzz._closing(records=99))
sys.exit(fuzz_run.main())
"""


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed on this platform")
def test_atheris_finds_a_planted_bug_and_keeps_its_input(tmp_path: Any) -> None:
    command = [sys.executable, "-c", PLANT, "pain002", "--child=atheris", "--executions=2000", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == FOUND, ended.stderr
    assert "records do not add up" in ended.stdout + ended.stderr
    assert list((tmp_path / "findings/pain002").glob("crash-*"))


def test_the_command_says_where_the_input_is_and_how_to_repeat_it(
    tmp_path: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent stops at the first finding: the child is played here."""
    monkeypatch.setattr(fuzz_run, "ROOT", tmp_path)
    monkeypatch.setattr(fuzz_run, "KEPT", tmp_path / ".fuzz")
    monkeypatch.setattr(fuzz_run, "__file__", str(tmp_path / "tests/fuzz/fuzz_run.py"))
    ran = []

    def play(command: list[str], **_: Any) -> Any:
        ran.append(command[2])
        folder = tmp_path / ".fuzz/findings" / command[2]
        folder.mkdir(parents=True)
        if command[2] == "mt940":
            (folder / "crash-1").write_bytes(b"x")
        return subprocess.CompletedProcess(command, FOUND if command[2] == "mt940" else 0)

    monkeypatch.setattr(subprocess, "run", play)
    monkeypatch.setattr(sys, "argv", ["fuzz_run.py", "pain002", "mt940", "camt053", "--executions", "5"])
    assert fuzz_run.main() == 1
    assert ran == ["pain002", "mt940"]
    printed = capsys.readouterr().out
    assert "mt940: finding kept in .fuzz/findings/mt940/crash-1" in printed
    assert "tests/fuzz/fuzz_run.py mt940 --repeat .fuzz/findings/mt940/crash-1" in printed


def test_a_damaged_workbook_is_changed_as_bytes() -> None:
    """Whatever stands where its parts are packed: the mutator goes on."""
    subject = subjects()["mapped_csv+xlsx"]
    whole = subject.seeds()[0]
    rng = random.Random(1)
    for _ in range(300):
        at = rng.randrange(30, len(whole) - 100)
        damaged = whole[:at] + rng.randbytes(40) + whole[at + 40 :]
        assert isinstance(mutate(rng, subject, damaged), bytes)
