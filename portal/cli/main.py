"""`puhui`: joins the verbs and turns every operating error into one line and an exit status."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import typer
from typer.exceptions import TyperException

from settlement.model.errors import PuhuiError

app = typer.Typer(
    name="puhui",
    help="会员普惠补贴结算: feeds, rules, reconciliation, statements, payouts, ledger.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_MODULES = (
    "home",
    "night",
    "check",
    "rate",
    "schemes",
    "feed",
    "inbox",
    "recon",
    "statement",
    "payout",
    "ledger",
    "explain",
    "backtest",
    "budget",
    "demo",
)

for _name in _MODULES:
    import_module(f"portal.cli.{_name}").register(app)


def main() -> None:
    """The command: exit 0 done, 1 found something wrong, 2 bad input, 3 try again."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs the command in this process and gives its exit status; messages go to standard error."""
    try:
        result = app(arguments, standalone_mode=False)
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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if os.environ.get("PUHUI_DEBUG"):
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
    print(f"puhui: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
