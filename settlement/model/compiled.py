"""How kernels (rules, ISO 8583) are compiled.

Once per installation and processor: Numba keeps the machine code beside the source, where only who may change the
source can write, or, where that cannot be written, in the user's own cache folder. NUMBA_CACHE_DIR names another
folder; it must be one that its owner alone can write, since what lies there is run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])


# Steps of the loop are inlined into it and do not count references: a step sees forty arrays and makes none, and
# counting them at every call cost more than all the rest.
STEP: dict[str, bool] = {"forceinline": True, "_nrt": False}
# What runs for long lets other threads run meanwhile.
LOOP: dict[str, bool] = {"_nrt": False, "nogil": True}
WHOLE: dict[str, bool] = {"nogil": True}


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


def _ask_for(typing_context: Any, rows: Any, at: Any) -> Any:
    """Inside a kernel: asks the processor for row `at` of an int64 table of two columns, which it will need soon.

    Nothing is read; the row is in the processor's cache when the loop gets there.
    """
    del typing_context

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        table = context.make_array(signature.args[0])(context, builder, args[0])
        start = builder.mul(args[1], context.get_constant(types.intp, 16))
        word, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        helpers: Any = cgutils
        row = builder.bitcast(helpers.pointer_add(builder, table.data, start), pointer)
        asked = helpers.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(asked, [row, word(0), word(3), word(1)])  # to read, kept close, data
        return context.get_dummy_value()

    return types.void(rows, at), code


ask_for: Any = intrinsic(_ask_for)  # called as ask_for(rows, at)
