"""Rows below the lines of a bank's export, known by how they begin; the words of banks are in a mapping (trailers)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from adapters.accounts.bank_preamble import heading_key

TALLY = re.compile(r"[0-9]+笔?[收支借贷]|共[0-9]+[笔条]")  # counts and sums: 1 收 50,000.00, 共2条
PAGE = re.compile(r"[第共][0-9]+页")  # lines go on behind it: other rows there are no feet
# when a table was printed and by whom, beside a day and a number: never a line
PRINTED = re.compile(r"(?:打印|制表|导出|下载|查询)(?:时间|日期|人|员|柜员)")
_ACCOUNT = re.compile(r"[0-9*]{9}", re.ASCII)  # more than a day has
_ALSO_HEADS = ("打印", "制表", "导出", "下载", "查询", "期初余额:", "期末余额:")


def is_head(texts: Sequence[str], trailers: tuple[str, ...]) -> bool:
    """False for a foot, whose account is not that of the lines below; what says when it was printed may name that."""
    text = heading_key("".join(texts)).lstrip("#")
    return not text.startswith(trailers) or (text.startswith(_ALSO_HEADS) and _ACCOUNT.search(text) is not None)
