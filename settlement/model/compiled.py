"""How kernels (rules, ISO 8583) are compiled.

Once per installation and processor: Numba keeps the machine code beside the source, where only who may change the
source can write, or, where that cannot be written, in the user's own cache folder. NUMBA_CACHE_DIR names another
folder; it must be one that its owner alone can write, since what lies there is run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


# Steps of the loop are inlined into it and do not count references: a step sees forty arrays and makes none, and
# counting them at every call cost more than all the rest.
STEP: dict[str, bool] = {"forceinline": True, "_nrt": False}
LOOP: dict[str, bool] = {"_nrt": False}
WHOLE: dict[str, bool] = {}


def compiled(flags: dict[str, bool]) -> Callable[[F], F]:
    """A function by Numba, kept on disk where there is a place for it."""
    jit: Any = njit

    def wrap(function: F) -> F:
        try:
            made = jit(cache=True, **flags)(function)
        except RuntimeError:  # no folder can be written: compile for this process alone
            made = jit(**flags)(function)
        typed: F = made  # Numba's wrapper is called as the function is
        return typed

    return wrap
