"""What the sender of a file does about each code of a reject (docs/errors.md says what the codes mean)."""

from __future__ import annotations

_AGAIN = "send the whole file again"
_FORMAT = "check that the source's format and settings are those of this file (`puhui feed describe`)"
_FIELD = "correct the field as the layout says (`puhui feed describe`) and send the file again"
_SPLIT = "split the file, or send it without what is not asked for"
_EXPORT = "export the file again, as CSV or with the column formatted as text"
_BANK = "ask the bank for a corrected file"
_GROUPS = {
    _AGAIN: (
        "BAD_FRAME", "BAD_QUOTES", "BAD_TRAILER", "DAMAGED", "EMPTY_FILE", "NO_END_MARK",
        "NUL_BYTE", "TRUNCATED",
    ),
    _FORMAT: (
        "BAD_HEADER", "BAD_HEADING", "BAD_MESSAGE", "BAD_NEWLINE", "BAD_SEPARATOR", "BAD_VERSION", "LINE_TOO_LONG",
        "NOT_A_WORKBOOK", "NOT_CAMT", "NOT_CSV", "NOT_DECODABLE", "NOT_MT940", "NOT_PAIN002", "NO_HEADINGS", "NO_SHEET",
        "RECORD_LENGTH", "TOO_MANY_ACCOUNTS", "TOO_MANY_REJECTS", "WRONG_MESSAGE",
    ),
    _FIELD: (
        "BAD_CONSTANT", "BAD_COUNT", "BAD_DIGITS", "BAD_HEX", "BAD_SIGN", "BAD_TEXT", "FIELD_COUNT", "FIELD_TOO_LONG",
        "MISSING", "NO_ANSWER", "NO_KEY", "NO_TIME", "NO_TRACE",
    ),
    _SPLIT: (
        "ELEMENT_TOO_LARGE", "SHEET_TOO_LARGE", "STATEMENT_TOO_LONG", "TOO_LARGE", "TOO_MANY_DETAILS", "TOO_MANY_LINES",
        "TOO_MANY_NOTES", "TOO_MANY_RECORDS", "TOTAL_TOO_LARGE",
    ),
    _EXPORT: ("PACKED_TOO_MUCH", "ROUNDED", "ROUNDED_ACCOUNT", "UNREAD_CELL"),
    _BANK: (
        "BAD_BALANCE", "BAD_LINE", "BAD_ORDER", "BAD_REVERSAL", "BAD_STATUS", "LATE_BALANCE", "NO_MESSAGE_ID",
        "NO_STATEMENT", "NO_STATUS", "SEVERAL_REPORTS", "UNKNOWN_STATUS",
    ),
}  # fmt: skip
REMEDY: dict[str, str] = {code: remedy for remedy, codes in _GROUPS.items() for code in codes} | {
    "ACCOUNT": "add the account to puhui.toml, or send the statement under the name of its own source",
    "AFTER_END": "send the file without what stands behind its end, or in a file of its own",
    "AMOUNTS_DISAGREE": "gross is paid plus discount: correct one of the three",
    "BALANCE": "ask the bank for the whole statement: opening, every line and closing",
    "BAD_AMOUNT": "write digits in the unit of the field: yuan with at most one point, fen without",
    "BAD_CARD": "write the card number in digits alone, without blanks or letters",
    "BAD_CURRENCY": "write the currency's code, or add the bank's word to `currencies` of the mapping",
    "BAD_DATE": "write a day and time that exist, in the form that the layout names",
    "BAD_ENCODING": "save the file in the encoding of the source, XML in its own, or correct the setting `encoding`",
    "BAD_ROW": "correct the record that it names; of this source a file is taken whole or not at all",
    "BAD_ROWS": "correct the records, or set `bad_row` (in puhui.toml reject_file_on_bad_row) to take the others",
    "BAD_TOTAL": "write the declared count and total in digits",
    "CLEARING_DATE_FAR": "correct the pattern `filename` of the mapping, or give `clearing_date=YYYY-MM-DD`",
    "COUNT_MISMATCH": "count the records again: none may be missing from the file",
    "DETAILS_MISMATCH": "ask the bank, or take the entry as one line with `details=entry`",
    "DETAILS_WITHOUT_AMOUNT": "ask the bank, or take the entry as one line with `details=entry`",
    "DOCTYPE": "send plain XML without a document type",
    "MIXED_MESSAGES": "say which count with the setting `messages`: requests or responses (these where any declines)",
    "NEGATIVE_AMOUNT": "write the amount without a sign: the kind says the direction (or the layout's `signs` say 1)",
    "NOT_XML": "send the file again, whole and as XML alone; or check that the source's format is that of this file",
    "NO_ACCOUNT": "name the account in the file, or in the setting `account`, or its word in `account_labels`",
    "NO_AMOUNT": "give the record its amount",
    "NO_CLEARING_DATE": "name the file as agreed, or give `clearing_date=YYYY-MM-DD`",
    "NO_END_TO_END_ID": "ask the bank to name the payment by its number",
    "ORIGINAL_INVALID": "name the original by its institutions, trace number and time",
    "OTHER_SHEETS": "set `sheet` to the one that is meant, or send each sheet in a file of its own",
    "OTHER_CURRENCY": "send the amounts in one currency, that of the statement; a transaction's in CNY (156)",
    "OTHER_MESSAGE": "ask the bank which message the payment is of",
    "SIGN_MISMATCH": "correct the sign, or the kind of the record",
    "TOTAL_MISMATCH": "sum the records again: none may be missing or altered",
    "TOTAL_UNPROVEN": "correct the amount that cannot be read: the declared total counts it",
    "TWO_RESULTS": "ask the bank what became of the payment",
    "TWO_AMOUNTS": "leave one of debit and credit blank",
    "UNKNOWN_CODE": "write a code of the layout's table, or add it there",
    "UNKNOWN_KIND": "correct the codes that say the operation, or tell us what they stand for: nothing is guessed",
    "ZERO_AMOUNT": "give the sale or refund its amount, or leave the record out",
    # what an earlier delivery says otherwise (batch/differences.py)
    "CONFLICT": "give each transaction its own number; if it is one, we decide with your finance contact what is right",
    "DUPLICATE_ROW": "nothing: it has no effect; leave it out if it is one and the same",
    "STATEMENT_CHANGED": "ask the bank which of the two is right; if it is this one: `puhui inbox show`, take, approve",
    "STATEMENT_TWICE": "none, if the bank sent it twice; else ask which is right, or for one without what came before",
    "GAP": "ask the bank for the statement that is missing between the two; where lines came before, for one without",
    "HELD": "nothing: it is taken once the missing rows are decided",
    "OTHER_SOURCE": "nothing: we decide with your finance contact whether it is one and the same",
    "VANISHED": "say whether the row was taken back, or send it again",
}
