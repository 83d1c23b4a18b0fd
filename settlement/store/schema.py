"""What every table module shares: the metadata with its naming and the column helpers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Date, DateTime, MetaData, Text

SCHEMA = "puhui"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


def words(name: str, *, null: bool = False) -> Column[str]:
    """A text column."""
    return Column(name, Text, nullable=null)


def fen(name: str, *, null: bool = False) -> Column[int]:
    """An amount in fen."""
    return Column(name, BigInteger, nullable=null)


def day(name: str, *, null: bool = False) -> Column[Any]:
    """A date column."""
    return Column(name, Date, nullable=null)


def instant(name: str, *, null: bool = False) -> Column[Any]:
    """A timestamptz column."""
    return Column(name, DateTime(timezone=True), nullable=null)
