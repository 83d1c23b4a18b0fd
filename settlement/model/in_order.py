"""Work on the blocks of a file, or on two things, on as many cores as Polars uses; results in the order of tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import polars as pl

T = TypeVar("T")
U = TypeVar("U")
MOST = 3  # threads: beyond these they wait for each other, since Python runs one at a time between array operations


def in_order(tasks: Iterator[Callable[[], T]]) -> Generator[T]:
    """The result of each task, in order; an exception of a task is raised in its place.

    The first is done before the second is asked for: a file of another format is refused at once, and one of a single
    block starts no thread. Then one task per thread and one more are held, so that memory stays flat.
    """
    for first in islice(tasks, 1):
        yield first()
    threads = min(pl.thread_pool_size(), MOST)
    ahead = list(islice(tasks, 1 if threads > 1 else 0))
    if not ahead:
        for task in tasks:
            yield task()
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[T]] = deque(pool.submit(task) for task in ahead)
        try:
            while waiting:
                waiting.extend(pool.submit(task) for task in islice(tasks, threads + 1 - len(waiting)))
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def side_by_side(one: Callable[[], T], other: Callable[[], U], *, small: bool) -> tuple[T, U]:
    """Both results; where there are two cores, and the work is not `small`, `other` runs in a thread of its own."""
    if small or pl.thread_pool_size() < 2:
        return one(), other()
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(other)
        return one(), later.result()
