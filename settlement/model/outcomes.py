"""Outcomes and kinds. Numbers stand in order of precedence where there is one, and are never reused."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Kind(IntEnum):
    """What a transaction does; the number is the order at equal time (rules.md section 3)."""

    SALE = 0
    REFUND = 1
    VOID = 2
    REVERSAL = 3


class Outcome(IntEnum):
    """What rating decided for one row of awards (rules.md sections 4 and 5)."""

    MEMBER_UNKNOWN = 1
    MEMBER_INACTIVE = 2
    MERCHANT_UNKNOWN = 3
    MERCHANT_INACTIVE = 4
    NO_SCHEME = 5
    LIMIT_EXHAUSTED = 6
    NO_ENTITLEMENT = 7
    CLAIM_OUT_OF_RANGE = 8
    NO_BENEFIT = 9
    GRANTED_PARTIAL = 10
    GRANTED = 11
    NOT_REVERSIBLE = 21
    ALREADY_CANCELLED = 22
    OVER_REFUND = 23
    NOTHING_GRANTED = 24
    CLAWED_BACK = 25
    REINSTATED = 26
    ORPHAN = 30


class Rail(StrEnum):
    """How the money of a transaction moved; a channel of reconciliation is a source and a rail."""

    POS = "pos"
    PURSE = "purse"
    BANK_ACCOUNT = "bank_account"


INSTRUMENTS = ("citizen_card", "bank_card", "e_card")  # what a member pays with


class FileStatus(StrEnum):
    """What a delivery of a file became; also the status on its receipt."""

    ACCEPTED = "ACCEPTED"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"
    DUPLICATE = "DUPLICATE"
    CONFLICT = "CONFLICT"
    SUPERSET = "SUPERSET"


class Discrepancy(StrEnum):
    """差错 kinds of reconciliation.md."""

    THEIRS_ONLY = "THEIRS_ONLY"
    OURS_ONLY = "OURS_ONLY"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    STATUS_MISMATCH = "STATUS_MISMATCH"
    DUPLICATE = "DUPLICATE"
    AMBIGUOUS = "AMBIGUOUS"
    OVERCLAIMED = "OVERCLAIMED"
    OVER_REFUND = "OVER_REFUND"
    ORPHAN = "ORPHAN"
    UNPAID = "UNPAID"
    RETURNED = "RETURNED"
    UNKNOWN_CREDIT = "UNKNOWN_CREDIT"
    UNKNOWN_DEBIT = "UNKNOWN_DEBIT"


# last results of a payment after which it is payable again; after the first two its account is doubted too
FAILED_RESULTS = ("returned", "rejected")
DEAD_RESULTS = (*FAILED_RESULTS, "unpaid")
# what became of a payment, on paper and on screen
RESULT_ZH = {"paid": "成功", "returned": "退汇", "rejected": "拒付", "unknown": "未定", "unpaid": "未付"}

DISCREPANCY_ZH: dict[str, str] = {
    "BALANCED": "平账",
    "THEIRS_ONLY": "长款(对方有我方无)",
    "OURS_ONLY": "短款(我方有对方无)",
    "AMOUNT_MISMATCH": "金额不符",
    "STATUS_MISMATCH": "状态不符",
    "DUPLICATE": "重复",
    "AMBIGUOUS": "待判",
    "OVERCLAIMED": "多报补贴",
    "OVER_REFUND": "超退",
    "ORPHAN": "孤立退货",
    "UNPAID": "未达",
    "RETURNED": "退汇",
    "UNKNOWN_CREDIT": "不明来款",
    "UNKNOWN_DEBIT": "不明付款",
}


class PayeeKind(StrEnum):
    """Who is owed an award."""

    MERCHANT = "merchant"
    CHANNEL = "channel"
    MEMBER = "member"
