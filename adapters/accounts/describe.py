"""What `puhui feed describe` prints for a statement format: where each column of a line comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CAMT = (
    ("statement", "Stmt/Id or Ntfctn/Id"),
    ("account", "Acct/Id/IBAN or Acct/Id/Othr/Id"),
    ("currency", "Acct/Ccy, else of the balances, else of the first entry"),
    ("opening", "Bal OPBD, else PRCD; DBIT is negative"),
    ("closing", "Bal CLBD"),
    ("line", "from 1 within the statement; empty: the statement has no line"),
    ("booking_date", "Ntry/BookgDt"),
    ("value_date", "Ntry/ValDt"),
    ("amount", "TxDtls/Amt or AmtDtls/TxAmt, which must sum to Ntry/Amt; CRDT positive, RvslInd does not flip"),
    ("reversal", "Ntry/RvslInd"),
    ("reference", "TxDtls/Refs/AcctSvcrRef, else Ntry/AcctSvcrRef, else NtryRef"),
    ("end_to_end_id", "TxDtls/Refs/EndToEndId"),
    ("counterparty_name", "Dbtr of a credit, Cdtr of a debit; the other way round in a reversal or return"),
    ("counterparty_account", "DbtrAcct or CdtrAcct; a card number is masked"),
    ("remittance", "/RTRN/<reason>/ where returned; RmtInf/Ustrd, else Strd, else AddtlTxInf, else AddtlNtryInf"),
    ("bank_code", "BkTxCd as domain-family-subfamily, else the bank's own code"),
)


def table(rows: tuple[tuple[str, str], ...]) -> str:
    """Two columns of text, the first padded."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {source}" for name, source in rows) + "\n"


def describe_camt(settings: Mapping[str, Any]) -> str:
    """Columns of camt053 and camt054; `settings` change only whether details become rows."""
    whole = settings.get("details") == "entry"
    return table(_CAMT) + ("details=entry: one row per entry\n" if whole else "one row per detail (details=rows)\n")
