"""Documents that are imported as text: the programme folder and the chart of accounts; and the plan made from them."""

from __future__ import annotations

import io
import tarfile
from datetime import date
from pathlib import Path

import polars as pl
from sqlalchemy import Connection, Table

import rules
from adapters.directory.programme import scheme_files
from batch.run import Run
from rules.documents import Programme
from settlement.ledger.chart import parse_chart
from settlement.model import frames
from settlement.model.errors import BadInput
from settlement.model.rejects import Reject
from settlement.store import reference
from settlement.store import tables as t

MAX_DOCUMENT = 1024 * 1024
Rows = tuple[bytes, dict[Table, pl.DataFrame], list[Reject]]


def programme_rows(folder: Path) -> Rows:
    """programme.yaml and schemes/*.yaml of a folder as rows of their tables, with the bytes that are archived.

    The archived bytes are a tar of the files in order of name with fixed times, so that equal folders are equal bytes.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: not a folder; give the programme folder that holds programme.yaml and schemes/")
    paths = [folder / "programme.yaml", *scheme_files(folder)]
    texts = [(path.relative_to(folder).as_posix(), _text(path)) for path in paths]
    programme = rules.parse_programme(texts[0][1], texts[0][0])
    schemes = [rules.parse_scheme(text, name) for name, text in texts[1:]]
    rejects = [reject for document in (programme, *schemes) if isinstance(document, list) for reject in document]
    if isinstance(programme, list) or rejects:
        return b"", {}, rejects
    good = [document for document in schemes if not isinstance(document, list)]
    plan = rules.compile_plan(programme, good, frames.empty(frames.MERCHANTS), frames.empty(frames.MEMBERS))
    if isinstance(plan, list):
        return b"", {}, plan
    code = programme.value.programme
    head = pl.DataFrame({"line": [1], "programme": [code], "file": [texts[0][0]], "yaml": [texts[0][1]]})
    body = pl.DataFrame(
        [
            (1, code, document.value.scheme, document.value.version, document.value.title or "", name, text)
            for document, (name, text) in zip(good, texts[1:], strict=True)
        ],
        schema=["line", "programme", "scheme", "version", "title", "file", "yaml"],
        orient="row",
    )
    return _archive(texts), {t.programme_text: head, t.scheme_text: body}, []


def standing_rejects(
    connection: Connection, tables: dict[Table, pl.DataFrame], last_import: int, today: date
) -> list[Reject]:
    """What would be wrong with the rules in force after an import of `tables` (of `programme_rows`).

    A version that the folder lacks stays in force, as every key of an import does. One that has not ended would go on
    granting though nobody sees its file any more, or stop the night where a version of the folder overlaps it.
    """
    head, body = tables[t.programme_text], tables[t.scheme_text]
    programme = rules.parse_programme(head["yaml"][0], head["file"][0])
    new = [rules.parse_scheme(text, file) for file, text in body.select("file", "yaml").iter_rows()]
    brought = set(body.select("scheme", "version").iter_rows())
    old = [rules.parse_scheme(text, file) for file, text in
           reference.programme_documents(connection, head["programme"][0], last_import)[1]]  # fmt: skip
    assert not isinstance(programme, list), "the folder has been read"
    kept = [d for d in old if not isinstance(d, list) and (d.value.scheme, d.value.version) not in brought]
    living = [d for d in kept if d.value.effective.last is None or d.value.effective.last >= today]
    if living:
        return [d.reject(("scheme",), "SCHEME_LEFT_OUT", _left_out(d.value)) for d in living]
    documents = kept + [d for d in new if not isinstance(d, list)]
    plan = rules.compile_plan(programme, documents, frames.empty(frames.MERCHANTS), frames.empty(frames.MEMBERS))
    return plan if isinstance(plan, list) else []


def _left_out(scheme: rules.Scheme) -> str:
    return (
        f"version {scheme.version} of {scheme.scheme} has not ended and the folder lacks it; "
        "put its file back, and to end it write its last day in `effective.to`"
    )


def chart_rows(path: Path) -> Rows:
    """A chart of accounts as a row of its table."""
    text = _text(path)
    chart = parse_chart(text, path.name)
    frame = pl.DataFrame({"line": [1], "chart": [chart.chart], "file": [path.name], "yaml": [text]})
    return text.encode(), {t.chart_text: frame}, []


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_DOCUMENT + 1)
        if len(data) > MAX_DOCUMENT:
            raise BadInput(f"{path}: larger than {MAX_DOCUMENT} bytes; a document of rules is a page or two")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"{path}: not found; write it, or give the right folder") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); correct its permissions") from None


def _archive(texts: list[tuple[str, str]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, text in texts:
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def plan_in_force(connection: Connection, run: Run) -> rules.Plan:
    """The plan of tonight's programme: documents and directory up to the night's last import."""
    name = run.config.programme.name
    (file, text), scheme_texts = reference.programme_documents(connection, name, run.last_import)
    if not file:
        raise BadInput(f"programme {name} has not been imported; run `puhui import programme FOLDER`")
    programme = rules.parse_programme(text, file)
    schemes = [rules.parse_scheme(body, scheme_file) for scheme_file, body in scheme_texts]
    rejects = [reject for document in (programme, *schemes) if isinstance(document, list) for reject in document]
    if isinstance(programme, list) or rejects:
        raise BadInput(f"{rejects[0]}; import the corrected programme folder")
    plan = rules.compile_plan(
        programme,
        [document for document in schemes if not isinstance(document, list)],
        reference.merchants(connection, run.last_import),
        reference.members(connection, run.last_import),
        reference.entitlements(connection, run.last_import),
        reference.calendar_frame(connection, run.last_import),
    )
    if isinstance(plan, list):
        raise BadInput(f"{plan[0]}; correct and import it again")
    return plan


def programme_in_force(connection: Connection, name: str, last_import: int) -> Programme:
    """The programme document in force."""
    (file, text), _ = reference.programme_documents(connection, name, last_import)
    programme = rules.parse_programme(text, file)
    if not file or isinstance(programme, list):
        raise BadInput(f"programme {name} has not been imported; run `puhui import programme FOLDER`")
    return programme.value
