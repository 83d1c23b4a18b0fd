"""Pure work spread over the cores of this machine; the results and their order are those of a plain loop."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 12  # below this a pool's start costs more than it saves
_PR_SET_PDEATHSIG = 1


def spread(work: Callable[[Item], Result], items: Iterable[Item], count: int) -> Iterator[Result]:
    """`work` of each of `count` items, in their order. `work` is a module's function; items and results can be pickled.

    The workers take items while `items` is still being made.
    """
    if count < FEW or _cores() == 1:
        yield from map(work, items)
        return
    yield from _pool().map(work, items, chunksize=2)


def _cores() -> int:
    return min(len(os.sched_getaffinity(0)), 8)


@lru_cache(maxsize=1)
def _pool() -> ProcessPoolExecutor:
    """Fresh processes (spawn) with one Polars thread each, kept for the next call, gone with this process."""
    pool = ProcessPoolExecutor(_cores(), get_context("spawn"), initializer=_die_with_parent)
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        for started in [pool.submit(os.getpid) for _ in range(_cores())]:
            started.result()
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before
    return pool


def _die_with_parent() -> None:
    """A killed night leaves no workers behind (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
