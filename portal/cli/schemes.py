"""`puhui scheme`: check, list, show and schema of the rules in a programme directory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from portal.cli.common import print_rejects, print_rows
from portal.cli.programme import load_documents, load_plan, placed
from settlement.model.errors import BadInput
from settlement.model.rejects import Reject

if TYPE_CHECKING:
    from rules import Plan

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Programme directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Language = Annotated[str, typer.Option("--lang", help="zh or en.")]

_CHECK = """Check a programme directory: errors (exit 2) and warnings (exit 1), each with file, line, column and remedy.

Example: puhui scheme check examples/suzhou/programme
"""
_LIST = """List scheme versions in the order they are looked at.

Example: puhui scheme list examples/suzhou/programme --json
"""
_SHOW = """Show every version of a scheme in plain words.

Example: puhui scheme show examples/suzhou/programme film-10 --lang en
"""
_SCHEMA = """Print the JSON Schema of scheme or programme documents, for editors that complete keys.

Example: puhui scheme schema > scheme.schema.json
"""


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    group = typer.Typer(help="Rules: check, list, show, and the schema for editors.", no_args_is_help=True)
    group.command("check", help=_CHECK)(check)
    group.command("list", help=_LIST)(list_)
    group.command("show", help=_SHOW)(show)
    group.command("schema", help=_SCHEMA)(schema)
    app.add_typer(group, name="scheme")


def check(directory: Directory, as_json: Json = False) -> None:
    """Errors (status 2) with file, line, column and remedy; warnings (status 1)."""
    versions, errors, warnings = _examined(directory)
    if as_json:
        found = {"schemes": versions, "errors": [_row(e) for e in errors], "warnings": [_row(w) for w in warnings]}
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        print_rejects(errors, "error: ")
        print_rejects(warnings, "warning: ")
        if errors:
            print(f"{len(errors)} errors: nothing is rated from this directory until they are corrected")
        else:
            print(f"{versions} scheme versions, no errors, {len(warnings)} warnings")
    if errors or warnings:
        raise typer.Exit(2 if errors else 1)


def _row(reject: Reject) -> dict[str, Any]:
    return {
        "file": reject.file,
        "line": reject.line or 1,
        "column": reject.column or 1,
        "field": reject.field,
        "code": reject.code,
        "message": reject.message,
    }


def _examined(directory: Path) -> tuple[int, list[Reject], list[Reject]]:
    """(scheme versions, everything wrong, everything odd); documents that read are checked beside those that do not."""
    import rules
    from adapters.directory.programme import read_programme
    from rules.advice import advise
    from rules.plan import reference_rejects

    documents = load_documents(directory)
    programme, schemes, errors = documents.programme, documents.schemes, documents.rejects
    files = read_programme(directory, whole=False)
    if isinstance(files, list):
        errors += files
    if programme is None or isinstance(files, list) or errors:
        errors += [] if programme is None else reference_rejects(programme.value, schemes)
        return len(schemes), errors, []
    plan = rules.compile_plan(
        programme, schemes, files.merchants, files.members, files.entitlements, files.calendar
    )  # fmt: skip
    if isinstance(plan, list):
        return len(schemes), [placed(reject, files) for reject in plan], []
    warnings = [w if "/" in w.file else replace(w, file=str(directory / w.file)) for w in advise(plan, schemes)]
    return len(schemes), [], warnings


def list_(directory: Directory, as_json: Json = False) -> None:
    """Every version in the order candidates are looked at."""
    headings = ("scheme", "version", "priority", "from", "to", "payee", "title")
    schemes = [terms.scheme for terms in load_plan(directory, whole=False).terms]
    rows = [(s.scheme, s.version, s.priority, s.effective.first, s.effective.last, s.payee, s.title) for s in schemes]
    if as_json:
        objects = [dict(zip(headings, row, strict=True)) for row in rows]
        print(json.dumps(objects, ensure_ascii=False, indent=1, default=str))
    else:
        print_rows(headings, rows)


def show(
    directory: Directory,
    scheme: Annotated[str, typer.Argument(help="The scheme's code.")],
    lang: Language = "zh",
    as_json: Json = False,
) -> None:
    """Every version of one scheme in plain words."""
    from rules.words import scheme_words

    if lang not in {"zh", "en"}:
        raise BadInput("--lang: unknown; write zh or en")
    plan = load_plan(directory, whole=False)
    found = [terms for terms in plan.terms if terms.scheme.scheme == scheme]
    if not found:
        raise BadInput(f"{directory}: no scheme {scheme}; write one of {_codes(plan)}")
    said = [(terms, scheme_words(terms, plan.programme)) for terms in found]
    if as_json:
        objects = [
            {"scheme": scheme, "version": terms.scheme.version, "file": terms.file,
             "zh": [w.zh for w in words], "en": [w.en for w in words]}
            for terms, words in said
        ]  # fmt: skip
        print(json.dumps(objects, ensure_ascii=False, indent=1))
        return
    for terms, words in said:
        title, *lines = [w.zh if lang == "zh" else w.en for w in words]
        print(f"{title}  ({scheme} v{terms.scheme.version}, {terms.file})")
        print("\n".join(f"  {line}" for line in lines))


def _codes(plan: Plan) -> str:
    codes = sorted({terms.scheme.scheme for terms in plan.terms})
    return ", ".join(codes[:10]) + (" ..." if len(codes) > 10 else "")


def schema(
    document: Annotated[str, typer.Argument(help="scheme or programme.")] = "scheme",
) -> None:
    """The JSON Schema of a scheme or programme document."""
    from rules.schema import document_schema

    if document not in {"scheme", "programme"}:
        raise BadInput(f"{document}: unknown document; write scheme or programme")
    kind: Literal["scheme", "programme"] = "scheme" if document == "scheme" else "programme"
    print(json.dumps(document_schema(kind), ensure_ascii=False, indent=1))
