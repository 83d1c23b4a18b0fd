"""`puhui feed`: check, describe, convert and list formats. Needs no database; a bank can run it alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from portal.cli.common import HERE, Home, Json, day, note, print_rows
from settlement.model.errors import BadInput

if TYPE_CHECKING:
    from portal.cli.feed_check import Findings

FormatOption = Annotated[str | None, typer.Option("--format", help="A format that `puhui feed list` names.")]
SourceOption = Annotated[str | None, typer.Option("--source", help="A source of puhui.toml.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value of the source's settings; layout=FILE.yaml and mapping=FILE.yaml are read."),
]
FileArgument = Annotated[Path, typer.Argument(help="The file as the bank sends it.")]
WRONG, REFUSED = 1, 2


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    feed = typer.Typer(help="Files of banks: check, describe, convert; no database needed.", no_args_is_help=True)
    feed.command("check")(check)
    feed.command("describe")(describe)
    feed.command("convert")(convert)
    feed.command("list")(list_formats)
    app.add_typer(feed, name="feed")


@dataclass(frozen=True, slots=True)
class Chosen:
    """An adapter, and the context it reads a file in."""

    adapter: Any
    settings: dict[str, Any]
    name: str
    home: Path | None
    role: str = ""  # of a source
    whole: bool = False  # it takes no file with a bad row
    accounts: frozenset[str] | None = None  # whose statements it brings
    pattern: str = "*"
    own: frozenset[str] = frozenset()  # numbers of our accounts


def check(
    file: FileArgument,
    source: SourceOption = None,
    format_name: FormatOption = None,
    settings: SetOption = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="The file as it was delivered before: say what this one changes.")
    ] = None,
    home: Home = HERE,
    as_json: Json = False,
) -> int:
    """Say what would be accepted, every reject with its place and remedy, and the receipt the bank would get.

    Exit 0: all accepted; 1: rejects, conflicts, or balances that do not add up or lack; 2: the file as a whole is
    refused.
    Example: puhui feed check SMK_20260507 --format citizen_card --against sent/SMK_20260507
    """
    from portal.cli.feed_check import compare, print_findings

    chosen = _choose(source, format_name, settings, home)
    before = None
    if against is not None:
        with _opened(against) as stream:
            before = _found(chosen, against, stream, keep=True)
    with _opened(file) as stream:
        findings = _found(chosen, file, stream, keep=before is not None)
        findings.compared = None if before is None else compare(before, findings)
        _look_twice(chosen, findings, stream)
        print_findings(findings, stream, chosen.settings, as_json=as_json)
    return findings.check_code


def _found(chosen: Chosen, file: Path, stream: BinaryIO, *, keep: bool) -> Findings:
    from batch.inbox import name_wrong
    from portal.cli.feed_check import Findings

    name = _shown(file, chosen)
    findings = Findings(name, _digest(stream, name), chosen.adapter, keep, whole=chosen.whole, accounts=chosen.accounts)
    for item in _read(chosen, stream, name):
        findings.take(item)
    wrong = name_wrong(file.name, chosen.pattern)
    findings.remarks += [f"a file of this name is left lying: {wrong}"] * bool(wrong)
    return findings


def _look_twice(chosen: Chosen, findings: Findings, stream: BinaryIO) -> None:
    """Reads the file once more for the rows whose keys stand in it more than once, if any."""
    import polars as pl

    from adapters.base import Parsed
    from portal.cli.feed_check import REPEATED

    twice = findings.twice()
    if twice.is_empty() or findings.exit_code == REFUSED:
        return
    stream.seek(0)
    rows = [
        item.frame.select(REPEATED).filter(item.frame["transaction_id"].hash().is_in(twice.implode()))
        for item in _read(chosen, stream, findings.name)
        if isinstance(item, Parsed)
    ]
    findings.judge_repeated(pl.concat(rows), copies=chosen.role == "clearing")


def convert(
    file: FileArgument,
    out: Annotated[Path, typer.Option("--out", help="x.csv or x.parquet.")],
    source: SourceOption = None,
    format_name: FormatOption = None,
    settings: SetOption = None,
    home: Home = HERE,
) -> int:
    """Write the canonical rows of a file as CSV (yuan, ISO dates) or Parquet.

    Exit 0: all accepted; 1: rejects, or balances that do not add up (accepted rows are written, the rest is said on
    standard error); 2: the file as a whole is refused and nothing is written.
    Example: puhui feed convert SMK_20260507 --format citizen_card --out smk.csv
    """
    from adapters.base import Parsed
    from portal.cli.feed_check import Findings
    from portal.cli.feed_output import open_output

    chosen = _choose(source, format_name, settings, home)
    with _opened(file) as stream, open_output(out, chosen.adapter.gives, file) as output:
        findings = Findings(_shown(file, chosen), "", chosen.adapter)
        for item in _read(chosen, stream, findings.name):
            findings.take(item)
            if isinstance(item, Parsed):
                output.add(item.frame)
        for line in findings.lines():
            note(line)
        if findings.exit_code != REFUSED:
            output.keep()
    return findings.exit_code


def describe(
    source: SourceOption = None,
    format_name: FormatOption = None,
    settings: SetOption = None,
    home: Home = HERE,
    as_json: Json = False,
) -> None:
    """Print the layout of a format or source as a table.

    Example: puhui feed describe --format unionpay_acom --set record=acomn
    """
    from adapters.description import as_data, as_text
    from adapters.registry import settings_of

    chosen = _choose(source, format_name, settings, home)
    parts = [*chosen.adapter.describe(chosen.settings), settings_of(chosen.adapter.name)]
    if as_json:
        import json

        print(json.dumps({"format": chosen.adapter.name, "parts": as_data(parts)}, ensure_ascii=False, indent=1))
    else:
        print(as_text(parts), end="")


def list_formats(home: Home = HERE, as_json: Json = False) -> None:
    """List the formats, the layouts that ship with the setting that chooses them, and the sources of puhui.toml.

    Example: puhui feed list
    """
    from adapters.registry import ALL, shipped

    rows: list[tuple[str, str, str, str, str]] = []
    for entry in ALL:
        ways = [way for way, can in (("read", entry.read), ("write", entry.write)) if can is not None]
        rows.append(("format", entry.name, entry.gives, "+".join(ways), entry.title))
    rows += [
        ("layout", name, form, f"--set {setting}={value}", title) for name, form, setting, value, title in shipped()
    ]
    if (home / "puhui.toml").is_file():
        from batch.config import load_config

        rows += [("source", s.name, s.format, s.role, s.title) for s in load_config(home).sources]
    print_rows(("what", "name", "gives or format", "how", "title"), rows, as_json=as_json)


# --- choosing --------------------------------------------------------------------------------------------------------


def _choose(source: str | None, format_name: str | None, settings: list[str] | None, home: Path) -> Chosen:
    """The adapter and settings of --source or --format, with --set on top."""
    from adapters.registry import adapter, check_settings

    if source is not None and format_name is not None:
        raise BadInput("--source and --format: give one; a source has its format")
    if source is None and format_name is None:
        raise BadInput("say which file this is: --source NAME of puhui.toml, or --format NAME (see `puhui feed list`)")
    given = _given(settings or [])
    if source is None:
        assert format_name is not None
        chosen = adapter(format_name)
        check_settings(format_name, given, "--set ", given)
        return Chosen(chosen, given, format_name, None)
    from batch.config import load_config

    config = load_config(home)
    found = next((s for s in config.sources if s.name == source), None)
    if found is None:
        raise BadInput(f"source {source!r} is not in {home / 'puhui.toml'}; `puhui feed list` names the sources")
    in_force = {**found.settings, **given}
    check_settings(found.format, given, "--set ", in_force)
    check_settings(found.format, found.settings, f"{home / 'puhui.toml'}: sources.{source}.settings.", in_force)
    from batch.refusals import settings_of

    own = frozenset(a.number for a in config.accounts if a.statement_source == source)
    whole, accounts = found.reject_file_on_bad_row, own if found.role == "statement" else None
    settings_now = {**settings_of(found), **given}
    all_own = frozenset(a.number for a in config.accounts)
    return Chosen(
        adapter(found.format), settings_now, source, home, found.role, whole, accounts, found.pattern, all_own
    )


def _given(settings: list[str]) -> dict[str, Any]:
    """key=value options; layout and mapping may name a YAML file."""
    from adapters.yaml_document import read_yaml

    out: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise BadInput(f"--set {setting}: write key=value")
        out[key] = read_yaml(Path(value)) if value.endswith((".yaml", ".yml")) else value
    return out


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        if file.exists() and not file.is_file() and not file.is_dir():
            # asked before opening: a pipe without a writer would be waited for, a device has no end
            raise BadInput(f"{file}: is no plain file; save it first")
        stream = file.open("rb")
    except OSError as error:
        raise BadInput(f"{file}: {os.strerror(error.errno or 0).lower()}; give a file that can be read") from None
    with stream:
        yield stream


def _shown(file: Path, chosen: Chosen) -> str:
    """A file's name as the night would call it: on one line, whatever its bytes, and without a card number."""
    from adapters.shown import plain
    from batch.names import known_as

    name = plain(file.name)
    if known_as(name, lambda _: "0") == name:
        return name
    keys = _keys(chosen.home)
    return known_as(name, (lambda _: "0") if keys is None else keys.keyed_index, chosen.own)


def _digest(stream: BinaryIO, name: str) -> str:
    digest = hashlib.sha256()
    try:
        while part := stream.read(1024 * 1024):
            digest.update(part)
        stream.seek(0)
    except OSError as error:
        raise BadInput(f"{name}: {os.strerror(error.errno or 0).lower()}; give a file that can be read") from None
    return digest.hexdigest()


def _read(chosen: Chosen, stream: BinaryIO, name: str) -> Iterator[Any]:
    from adapters.base import Context

    if chosen.adapter.read is None:
        raise BadInput(f"format {chosen.adapter.name} is only written, not read")
    settings = dict(chosen.settings)
    given = settings.pop("clearing_date", None)
    clearing = day(str(given), "--set clearing_date") if given is not None else None
    context = Context(name, chosen.name, settings, _tokeniser(chosen.home), clearing)
    try:
        yield from chosen.adapter.read(stream, context)
    except OSError as error:
        raise BadInput(f"{name}: {os.strerror(error.errno or 0).lower()}; give a file that can be read") from None


def _tokeniser(home: Path | None) -> Any:
    """The card key of a home, where there is one; a bank that checks its own file has none."""
    keys = _keys(home)
    return None if keys is None else keys.tokeniser


def _keys(home: Path | None) -> Any:
    if home is None:
        return None
    from portal.session import keys_path

    path = keys_path(home)
    if not path.is_file():
        return None
    from settlement.store.keys import load

    return load(path)
