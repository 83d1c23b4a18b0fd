"""What people and banks are handed: statements as PDF and workbook, reports as workbook and CSV, receipts.

Values in (settlement.model.report), bytes out; where they are put is the caller's business. Equal values give equal
bytes, on any machine.
"""

from adapters.documents.delimited import report_csv
from adapters.documents.digest import canonical_content, canonical_digest
from adapters.documents.pdf import statement_pdf
from adapters.documents.receipt import Receipt, receipt_json, receipt_name
from adapters.documents.report import report_xlsx
from adapters.documents.statement import statement_xlsx

__all__ = [
    "Receipt",
    "canonical_content",
    "canonical_digest",
    "receipt_json",
    "receipt_name",
    "report_csv",
    "report_xlsx",
    "statement_pdf",
    "statement_xlsx",
]
