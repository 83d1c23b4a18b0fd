"""`puhui`: joins the verbs and turns every operating error into one line and an exit status."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from batch import VERSION
from settlement.model.errors import PuhuiError
from settlement.store.files import PASSING, file_error

COLLECT_AFTER = 50_000  # new objects; 700 is Python's own

VERBS = {
    "home": ("init", "import", "user", "account"),
    "night": ("night",),
    "check": ("check", "waive"),
    "rate": ("rate",),
    "schemes": ("scheme",),
    "feed": ("feed",),
    "inbox": ("inbox",),
    "recon": ("recon",),
    "statement": ("statement",),
    "payout": ("payout",),
    "ledger": ("ledger",),
    "explain": ("explain",),
    "backtest": ("backtest",),
    "budget": ("budget",),
    "demo": ("demo",),
}  # module: what it registers


def application(first: str = "") -> typer.Typer:
    """The command with the verb `first` alone, which starts quicker; with every verb where there is no such."""
    app = typer.Typer(
        name="puhui",
        help="会员普惠补贴结算: feeds, rules, reconciliation, statements, payouts, ledger.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_whole)  # also keeps Typer from taking a single verb for the whole command
    for module in [name for name, verbs in VERBS.items() if first in verbs] or VERBS:
        import_module(f"portal.cli.{module}").register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"puhui {VERSION}")
        raise typer.Exit


def _whole(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the command as a whole."""
    del version  # done by its callback


def main() -> None:
    """The command: exit 0 done, 1 found something wrong, 2 bad input, 3 try again.

    A command makes many objects and few circles of them: the collector looks seldom, and not once more at the end,
    where all goes with the process (together 0.3 of 2.7 seconds of `puhui rate`).
    """
    gc.set_threshold(COLLECT_AFTER)
    for out in (sys.stdout, sys.stderr):  # a terminal of GBK or ASCII shows what it lacks as \u..., and goes on
        if isinstance(out, TextIOWrapper):
            out.reconfigure(errors="backslashreplace")
    status = run(sys.argv[1:])
    gc.freeze()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Runs the command in this process and gives its exit status; messages go to standard error."""
    try:
        status = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # what cannot be printed is told here, not lost at the end of the process
    except BrokenPipeError:
        _print_no_more()
        return 141
    except OSError as error:
        if not _of_printing(error):
            raise
        _print_no_more()
        told = file_error("write", Path("standard output"), error)
        return _say(str(told), told.exit_code)
    return status


def _of_printing(error: OSError) -> bool:
    """A full or failing disk behind standard output; verbs tell the faults of their own files themselves."""
    return error.errno in PASSING and error.filename is None


def _print_no_more() -> None:
    """What is left to be printed goes nowhere, so that the process can end with its own status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    try:
        result = application(*arguments[:1])(arguments, standalone_mode=False)
    except PuhuiError as error:
        return _say(str(error), error.exit_code)
    except typer.Exit as done:
        return int(done.exit_code)
    except typer.Abort:
        return _say("stopped", 130)
    except TyperException as error:
        return _usage(error)
    except KeyboardInterrupt:
        return _say("stopped; run the same command again to go on", 130)
    except BrokenPipeError:
        raise
    except Exception as error:
        if os.environ.get("PUHUI_DEBUG") or (isinstance(error, OSError) and _of_printing(error)):
            raise
        return _say(f"unexpected {type(error).__name__}; run again with PUHUI_DEBUG=1 and report what it prints", 70)
    return int(result) if isinstance(result, int) else 0


def _usage(error: TyperException) -> int:
    """A command line that cannot be read: one line with where the help is; the help itself where a verb is missing."""
    told = getattr(error, "format_message", lambda: str(error))()
    if type(error).__name__ == "NoArgsIsHelpError":
        print(told)
        return 2
    context = getattr(error, "ctx", None)
    hint = f"; see `{context.command_path} --help`" if context else ""
    return _say(told.rstrip(".").replace("\n", " ") + hint, 2)


def _say(message: str, status: int) -> int:
    from batch.names import masked

    # a path may hold any character, and the number of a card
    told = masked("".join(char if char.isprintable() else "?" for char in message))
    print(f"puhui: {told}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
