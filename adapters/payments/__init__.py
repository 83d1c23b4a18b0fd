"""Payout files to the bank and the bank's answers: pain.001, pain.002, files by template and their result files."""

from __future__ import annotations

from adapters.base import Adapter
from adapters.payments import bank_template, pain001, pain002
from adapters.payments.describe import describe_pain001, describe_pain002

ADAPTERS: tuple[Adapter, ...] = (
    Adapter("pain001", "ISO 20022 customer credit transfer initiation", "none", None, pain001.write, describe_pain001),
    Adapter("pain002", "ISO 20022 payment status report", "result", pain002.read, None, describe_pain002),
    *bank_template.ADAPTERS,
)
