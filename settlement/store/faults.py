"""Database errors without the values they quote, and which of them pass by themselves.

PostgreSQL and psycopg2 quote rows in DETAIL, CONTEXT and in every message about malformed data. What is kept is the
SQLSTATE, the message where its kind names objects only, and table, column and constraint (operations.md, Security).
"""

from __future__ import annotations

import psycopg2
from sqlalchemy import exc

from settlement.model.errors import BadConfiguration, PuhuiError, TryAgain

RETRY = frozenset({"40001", "40P01"})
_QUOTES_VALUES = frozenset({"22"})  # class 22, data exception: "invalid input syntax for type bigint: ..."
_ENDED = frozenset({"57P01", "57P02", "57P03"})
_FULL = frozenset({"53100"})
_BUSY = frozenset({"53000", "53200", "53300", "55P03", "57014"})
_READ_ONLY = frozenset({"25006"})
_NO_RIGHT = frozenset({"42501"})


def sqlstate(error: BaseException) -> str:
    """The five characters of an SQLAlchemy or psycopg2 error; "" where there are none (a cut connection)."""
    inner = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(getattr(inner, "pgcode", None) or "")


def may_retry(error: BaseException) -> bool:
    """True for a serialization failure or a deadlock: the same work again may succeed."""
    return sqlstate(error) in RETRY


def is_cut(error: BaseException) -> bool:
    """True where the connection or the server is gone, so that nobody can say what became of a COMMIT."""
    state = sqlstate(error)
    if state in _ENDED or state.startswith("08"):
        return True
    inner = error.orig if isinstance(error, exc.DBAPIError) else error
    return not state and isinstance(inner, (psycopg2.OperationalError, psycopg2.InterfaceError))


def plain_text(error: psycopg2.Error) -> str:
    """The error in one line without a value of any row."""
    state = sqlstate(error)
    if not state:
        return " ".join(str(error).split())
    diag = error.diag
    text = type(error).__name__ if state[:2] in _QUOTES_VALUES else (diag.message_primary or type(error).__name__)
    names = {"table": diag.table_name, "column": diag.column_name, "constraint": diag.constraint_name}
    where = ", ".join(f"{kind} {name}" for kind, name in names.items() if name)
    return f"{state} {text}" + (f" ({where})" if where else "")


def hide_values(error: BaseException) -> None:
    """Replace the text of a psycopg2 error, and of the SQLAlchemy error around it, by `plain_text`."""
    inner = error.orig if isinstance(error, exc.DBAPIError) else error
    if not isinstance(inner, psycopg2.Error):
        return
    text = plain_text(inner)
    inner.args = (text,)
    if error is not inner:
        error.args = (f"({type(inner).__module__}.{type(inner).__name__}) {text}",)


def wrapped(error: psycopg2.Error) -> exc.DBAPIError:
    """A psycopg2 error of a COPY as the SQLAlchemy error that any other statement would raise, without values."""
    hide_values(error)
    for parent in type(error).__mro__:
        kind = getattr(exc, parent.__name__, None)
        if isinstance(kind, type) and issubclass(kind, exc.DBAPIError):
            return kind("COPY", None, error, hide_parameters=True)
    raise AssertionError("psycopg2's errors bear the names of the DB-API")


def operating_error(error: BaseException, where: str) -> PuhuiError | None:
    """The one-line operating error for a database error that is no fault of the program; None for one that is."""
    state = sqlstate(error)
    if is_cut(error):
        return TryAgain(f"{where}: the connection is lost or the server has stopped; run the same command again")
    if state in RETRY:
        return TryAgain(f"{where}: other programs write the same rows ({state}); run the same command again")
    if state in _FULL:
        return TryAgain(f"{where}: the disk is full; make room, then run the same command again")
    if state in _BUSY:
        return TryAgain(f"{where}: out of connections, memory or time ({state}); run the same command again")
    if state in _READ_ONLY:
        return BadConfiguration(f"{where}: is read-only; set PUHUI_DATABASE_URL to the primary server")
    if state in _NO_RIGHT:
        return BadConfiguration(
            f"{where}: this role may not do that (42501); grant it the role puhui_app or puhui_owner"
        )
    return None
