"""The worked cases through both engines, in memory; `test_cases.py` runs them through the oracle and the command."""

from __future__ import annotations

import csv
import importlib.util
import io
from pathlib import Path
from types import ModuleType

import pytest

import rules
from portal.cli.programme import load_plan, load_transactions
from rules import columnar, kernel_csv
from settlement.model import in_order


def load_cases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("worked_cases", Path(__file__).with_name("test_cases.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = load_cases()
ENGINES: tuple[rules.Engine, ...] = ("reference", "kernel")


def by_engine(case: cases.Case, engine: rules.Engine) -> list[list[dict[str, str]]]:
    plan, state, out = load_plan(case.folder), rules.State.empty(), []
    for path in case.files:
        rated = rules.rate(plan, load_transactions(path)[1], state, engine=engine)
        state = rated.state
        out.append(list(csv.DictReader(io.StringIO(b"".join(rated.csv()).decode()))))
    return out


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", cases.CASE_FILES, ids=lambda path: path.stem)
def test_case_gives_the_same_rows_by_each_engine(path: Path, engine: rules.Engine, tmp_path: Path) -> None:
    case = cases.lay_out(path, tmp_path / "town")
    cases.compare(case, by_engine(case, engine))
    if cases.can_be_cut(path):
        cut = cases.cut_in_time(case)
        cases.compare(cut, by_engine(cut, engine))


@pytest.mark.parametrize("path", cases.CASE_FILES, ids=lambda path: path.stem)
def test_case_gives_the_same_rows_in_two_threads(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "ALONE", -1)
    monkeypatch.setattr(kernel_csv, "ROWS", 1)
    monkeypatch.setattr(in_order.pl, "thread_pool_size", lambda: 3)
    case = cases.lay_out(path, tmp_path / "town")
    cases.compare(case, by_engine(case, "kernel"))
