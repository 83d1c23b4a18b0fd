"""`puhui scheme`: check, list, show and schema of the rules in a programme directory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from portal.cli.rate import load_plan, parse_documents, refuse, say
from settlement.model.errors import BadInput

if TYPE_CHECKING:
    from rules import Plan

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Programme directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Language = Annotated[str, typer.Option("--lang", help="zh or en.")]


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    group = typer.Typer(help="Rules: check, list, show, and the schema for editors.", no_args_is_help=True)
    group.command("check", help="Check a programme directory.\n\nExample: puhui scheme check examples/suzhou")(check)
    group.command("list", help="List scheme versions.\n\nExample: puhui scheme list examples/suzhou --json")(list_)
    group.command("show", help="Show a scheme in plain words.\n\nExample: puhui scheme show examples/suzhou s04-film")(
        show
    )
    group.command("schema", help="Print the JSON Schema.\n\nExample: puhui scheme schema > scheme.schema.json")(schema)
    app.add_typer(group, name="scheme")


def check(directory: Directory, as_json: Json = False) -> None:
    """Errors (status 2) with file, line, column and remedy; warnings (status 1)."""
    from adapters.directory.programme import read_documents
    from rules.advice import advise

    plan = load_plan(directory, whole=False)
    documents = read_documents(directory)
    if isinstance(documents, list):
        refuse(documents)
    warnings = advise(plan, parse_documents(*documents)[1])
    if as_json:
        rows = [
            {"file": w.file, "line": w.line, "column": w.column, "code": w.code, "message": w.message} for w in warnings
        ]
        print(json.dumps({"schemes": len(plan.terms), "warnings": rows}, ensure_ascii=False, indent=1))
    else:
        for warning in warnings:
            print(f"warning: {say(warning)}", file=sys.stderr)
        print(f"{len(plan.terms)} scheme versions, {len(warnings)} warnings")
    if warnings:
        raise typer.Exit(1)


def list_(directory: Directory, as_json: Json = False) -> None:
    """Every version in the order candidates are looked at."""
    from portal.cli.common import print_rows

    headings = ("scheme", "version", "priority", "from", "to", "payee", "title")
    rows = [
        (s.scheme, s.version, s.priority, s.effective.first, s.effective.last, s.payee, s.title)
        for s in (terms.scheme for terms in load_plan(directory, whole=False).terms)
    ]
    print_rows(headings, rows, as_json=as_json)


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
    for terms in found:
        lines = [words.zh if lang == "zh" else words.en for words in scheme_words(terms)]
        if as_json:
            print(json.dumps({"scheme": scheme, "version": terms.scheme.version, "lines": lines}, ensure_ascii=False))
        else:
            print(f"{scheme} {terms.scheme.version}  ({terms.file})")
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
