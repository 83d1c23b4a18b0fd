"""Pure work spread over the cores of this machine; the results and their order are those of a plain loop."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 12  # below this a pool's start costs more than it saves
_PR_SET_PDEATHSIG = 1


def spread(work: Callable[[Item], Result], items: Iterable[Item], count: int) -> Iterator[Result]:
    """`work` of each of `count` items, in their order. `work` is a module's function; items and results can be pickled.

    Worker processes are fresh (spawn), use one Polars thread each, and die with this process; they work while `items`
    is still being made.
    """
    cores = len(os.sched_getaffinity(0))
    if count < FEW or cores == 1:
        yield from map(work, items)
        return
    with (
        _single_threaded(),
        ProcessPoolExecutor(min(cores, 8), get_context("spawn"), initializer=_die_with_parent) as pool,
    ):
        yield from pool.map(work, items, chunksize=4)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """POLARS_MAX_THREADS=1 for the processes that start meanwhile."""
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before


def _die_with_parent() -> None:
    """A killed night leaves no workers behind (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
