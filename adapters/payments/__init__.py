"""Payout files to the bank and the bank's answers: pain.001, pain.002, files by template and their result files."""

from __future__ import annotations

from adapters.base import Adapter
from adapters.payments import pain001
from adapters.payments.describe import describe_pain001

ADAPTERS: tuple[Adapter, ...] = (
    Adapter("pain001", "ISO 20022 customer credit transfer initiation", "none", None, pain001.write, describe_pain001),
)
