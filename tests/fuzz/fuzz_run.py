"""The fuzzer of every adapter: atheris (coverage-guided) where it imports, else seeded mutations.

    python tests/fuzz/fuzz_run.py                                      the names
    python tests/fuzz/fuzz_run.py all|NAME... --seconds 60             each for a minute; stops at the first finding
    python tests/fuzz/fuzz_run.py all|NAME... --executions 1000000 --log FILE
    python tests/fuzz/fuzz_run.py NAME --repeat FILE                   one input again

The corpus is kept in .fuzz/corpus/NAME, inputs that break something in .fuzz/findings/NAME. Every name runs in a
process of its own, within 512 MiB and with 20 seconds for an input.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from fuzz_first import ROOT
from fuzz_mutator import BATCH, batch, mutate
from fuzz_oracle import check
from fuzz_subjects import Subject, subjects

KEPT = ROOT / ".fuzz"
MEMORY_MIB = 512
INPUT_SECONDS = 20
MAX_INPUT = 8192
EVERY = 250  # executions to one file of a batch of records, for formats of one record length
FOUND = 77
# Executions of one process: instrumented code grows by 2 to 8 KB with each (without instrumentation it does not), and
# that growth would be taken for the reader's.
SLICE = 25_000


class Run:
    """Counts executions and outcomes of one subject, and ends when they are enough."""

    def __init__(self, subject: Subject, executions: int, seconds: float) -> None:
        self.subject, self.executions, self.seconds = subject, executions, seconds
        self.inputs = subject.seeds()
        self.outcomes: Counter[str] = Counter()
        self.done = self.batches = 0
        self.began, self.cpu = time.monotonic(), time.process_time()

    def one(self, data: bytes) -> None:
        """One execution; AssertionError or whatever the reader raised: a finding."""
        self.outcomes[check(self.subject, data)] += 1
        self.done += 1

    def batch(self, rng: random.Random, findings: Path) -> None:
        """Now and then a file of many changed records; a finding is written here, for no fuzzer has the input."""
        if self.done % EVERY or not self.subject.variants[0].stride:
            return
        data = batch(rng, self.subject, self.inputs)
        self.batches += 1
        try:
            self.outcomes["batch: " + check(self.subject, data)] += 1
        except Exception:
            keep(findings, data)
            raise

    def enough(self) -> bool:
        """True once the executions, or the seconds, are used up."""
        if self.executions and self.done >= self.executions:
            return True
        return bool(self.seconds) and self.done % 64 == 0 and time.monotonic() - self.began >= self.seconds

    def result(self, engine: str) -> dict[str, Any]:
        """The figures of the run; peak memory in MiB of the whole process, fuzzer and corpus included."""
        return {
            "name": self.subject.name,
            "engine": engine,
            "executions": self.done,
            "records_in_batches": self.batches * BATCH,
            "seconds": int(time.monotonic() - self.began),
            "cpu_seconds": int(time.process_time() - self.cpu),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "outcomes": dict(self.outcomes.most_common()),
        }


def keep(findings: Path, data: bytes) -> None:
    """Writes an input that breaks something."""
    (findings / f"crash-{hashlib.sha256(data).hexdigest()[:32]}").write_bytes(data)


def run_mutator(run: Run, seed: int, findings: Path) -> int:
    """Seeded mutations of the seeds; a finding is written and told. Exit code."""
    rng = random.Random(seed)
    while not run.enough():
        data = mutate(rng, run.subject, rng.choice(run.inputs))
        try:
            run.one(data)
            data = b""
            run.batch(rng, findings)
        except Exception:  # noqa: BLE001 whatever a reader raises is a finding
            traceback.print_exc()
            if data:
                keep(findings, data)
            return FOUND
    return 0


def run_atheris(run: Run, seed: int, findings: Path, say: Callable[[], None]) -> NoReturn:
    """Coverage-guided, from the kept corpus and the seeds. Ends the process."""
    import atheris

    corpus = KEPT / "corpus" / run.subject.name
    corpus.mkdir(parents=True, exist_ok=True)
    starts = Path(tempfile.mkdtemp())
    for number, data in enumerate(run.inputs):
        (starts / str(number)).write_bytes(data)
    rng = random.Random(seed)

    def one(data: bytes) -> None:
        run.one(data)
        if run.done % 20_000 == 0:
            (findings / "progress.json").write_text(json.dumps(run.result("atheris"), ensure_ascii=False))
        run.batch(rng, findings)
        if run.enough():
            say()
            os._exit(0)

    def custom(data: bytes, size: int, number: int) -> bytes:
        """By libFuzzer, or by our own mutations. A record costs 10 ms in Polars: there they come in batches."""
        del number
        if rng.random() < (0.05 if run.subject.variants[0].stride else 0.5):
            return atheris.Mutate(data, size)[:size]
        return mutate(rng, run.subject, data)[:size]

    options = [
        f"-seed={seed}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-timeout={INPUT_SECONDS}",
        f"-max_len={MAX_INPUT}",
        f"-artifact_prefix={findings}/",
        "-len_control=0",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus), str(starts)], one, custom_mutator=custom)
    atheris.Fuzz()
    raise SystemExit("atheris came back")


def child(given: argparse.Namespace) -> int:
    """One subject in this process."""
    warnings.simplefilter("error")
    subject = subjects()[given.names[0]]
    findings = KEPT / "findings" / subject.name
    findings.mkdir(parents=True, exist_ok=True)
    run = Run(subject, given.executions, given.seconds)

    def say() -> None:
        line = json.dumps(run.result(given.child), ensure_ascii=False)
        print(line, flush=True)
        if given.log:
            with Path(given.log).open("a", encoding="utf-8") as log:
                log.write(line + "\n")

    if given.child == "atheris":
        run_atheris(run, given.seed, findings, say)
    code = run_mutator(run, given.seed, findings)
    say()
    return code


def _in_slices(given: argparse.Namespace, name: str, engine: str) -> int:
    """All executions of a name, in as many processes as it takes, which share the corpus; the first bad exit code."""
    script = str(Path(__file__).relative_to(ROOT))
    for number, start in enumerate(range(0, max(given.executions, 1), SLICE)):
        executions = min(SLICE, given.executions - start) if given.executions else 0
        options = [f"--executions={executions}", f"--seconds={given.seconds}", f"--seed={given.seed + number}"]
        options += [f"--log={given.log}"] if given.log else []
        command = [sys.executable, script, name, f"--child={engine}", *options]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


def parent(given: argparse.Namespace, names: list[str]) -> int:
    """Every name in a process of its own; ends at the first finding, with its path and the command that repeats it."""
    script = str(Path(__file__).relative_to(ROOT))
    engine = "mutator" if given.mutator or importlib.util.find_spec("atheris") is None else "atheris"
    for name in names:
        began = time.time() - 1
        ended = _in_slices(given, name, engine)
        if ended == 0:
            continue
        found = [path for path in (KEPT / "findings" / name).glob("*") if path.stat().st_mtime >= began]
        for path in found:
            where = path.relative_to(ROOT)
            print(f"{name}: finding kept in {where}; repeat it: {sys.executable} {script} {name} --repeat {where}")
        if not found:
            print(f"{name}: the fuzzer ended with {ended} and kept no input")
        return 1
    return 0


def main() -> int:
    """The command line; exit code 1 at a finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--executions", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seed", type=int, default=20260507)
    parser.add_argument("--log", default="")
    parser.add_argument("--mutator", action="store_true", help="seeded mutations also where atheris imports")
    parser.add_argument("--repeat", default="", help="run one kept input again")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    known = subjects()
    if not given.names:
        print("\n".join(known))
        return 0
    names = list(known) if given.names == ["all"] else given.names
    if unknown := set(names) - set(known):
        parser.error(f"not known: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    if given.repeat:
        print(names[0], check(known[names[0]], Path(given.repeat).read_bytes()))
        return 0
    if not (given.executions or given.seconds):
        parser.error("give --executions or --seconds")
    return child(given) if given.child else parent(given, names)


if __name__ == "__main__":
    sys.exit(main())
