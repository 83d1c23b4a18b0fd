"""Account statements of banks: camt.053/054, MT940, mapped CSV and workbooks, to STATEMENT_LINE frames."""

from __future__ import annotations

from adapters.accounts.bank_csv import read_bank
from adapters.accounts.bank_map import describe_bank
from adapters.accounts.camt import reader
from adapters.accounts.camt_write import write_camt053
from adapters.accounts.describe import describe_camt, describe_mt940
from adapters.accounts.mt940 import read_mt940
from adapters.base import Adapter

ADAPTERS: tuple[Adapter, ...] = (
    Adapter("camt053", "ISO 20022 bank statement", "statement", reader("camt053"), write_camt053, describe_camt),
    Adapter("camt054", "ISO 20022 debit/credit notification", "statement", reader("camt054"), None, describe_camt),
    Adapter("mt940", "SWIFT customer statement message", "statement", read_mt940, None, describe_mt940),
    Adapter("bank_csv", "statement export of a bank (.csv, .xls, .xlsx)", "statement", read_bank, None, describe_bank),
)
