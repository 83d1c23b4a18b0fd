"""What `puhui feed describe` prints for a statement format: where each column of a line comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.description import Part, lines

COLUMNS = ("name", "what")

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


def describe_camt(settings: Mapping[str, Any]) -> list[Part]:
    """Columns of camt053 and camt054; `settings` change only whether details become rows."""
    whole = settings.get("details") == "entry"
    said = "details=entry: one row per entry" if whole else "one row per detail (details=rows)"
    return [Part("", COLUMNS, _CAMT), lines("", [said])]


_MT940 = (
    ("statement", ":28C:, else :20:; the second of that name in a file is name#2"),
    ("account", ":25: as the bank writes it"),
    ("currency", ":60F:"),
    ("opening", ":60F: or :60M:; D is negative"),
    ("closing", ":62F: or :62M:"),
    ("line", "from 1 within the statement; empty: the statement has no line"),
    ("booking_date", ":61: MMDD in the year nearest to the value date, else the value date"),
    ("value_date", ":61: YYMMDD"),
    ("amount", ":61: digits, comma, decimals; C and RD positive, D and RC negative"),
    ("reversal", ":61: RC or RD"),
    ("reference", ":61: after //"),
    ("end_to_end_id", ":86: EREF, else :61: customer reference that is not NONREF"),
    ("counterparty_name", ":86: ?32 ?33, or /NAME/"),
    ("counterparty_account", ":86: ?31, or /IBAN/; a card number is masked"),
    ("remittance", ":86: ?20 to ?29 and ?60 to ?63 (SVWZ of it), or /REMI/, or all of it; else the line after :61:"),
    ("bank_code", ":61: transaction type, like NTRF"),
)


def describe_mt940(settings: Mapping[str, Any]) -> list[Part]:
    """Columns of mt940 and the encoding in force."""
    return [Part("", COLUMNS, _MT940), lines("", [f"encoding {settings.get('encoding', 'utf-8')}"])]
