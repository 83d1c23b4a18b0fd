"""The two ISO 8583 bodies that UnionPay uses, as pyiso8583 specification dictionaries: the single description.

cups  CUPS host: ASCII message type and fields, binary bitmap, ASCII lengths.
pos   POS terminal: BCD message type and numbers, BCD lengths counted in digits, ASCII for 37 38 39 41 42 44 49.

Free and private fields (43, 48, 57, 59 to 63, 104 and above) are latin-1: one character per byte, since real messages
carry GBK cut in mid-character, binary PIN blocks and more there. They go beyond the sizes that are stated, and may be
as long as LLL can say. Sources: ../samples/iso8583-spec (alatka CUPS), the messages in ../samples/iso8583,
samples/notes.md A.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Spec = Mapping[str, Mapping[str, Any]]

# number: (what, size or "LL"/"LLL" with its maximum); * behind the size: free text, b: binary.
_FIELDS = """
2 LL19 Primary account number|3 6 Processing code|4 12 Amount, transaction|5 12 Amount, settlement
6 12 Amount, cardholder billing|7 10 Transmission date and time MMDDhhmmss|8 8 Amount, cardholder billing fee
9 8 Conversion rate, settlement|10 8 Conversion rate, cardholder billing|11 6 System trace audit number
12 6 Time, local transaction|13 4 Date, local transaction|14 4 Date, expiration|15 4 Date, settlement
16 4 Date, conversion|17 4 Date, capture|18 4 Merchant type (MCC)|19 3 Acquiring country|20 3 PAN country
21 3 Forwarding country|22 3 Point of service entry mode|23 3 Card sequence number|24 3 Network international id
25 2 Point of service condition code|26 2 PIN capture code|27 1 Authorisation id response length
28 9 Amount, transaction fee|29 9 Amount, settlement fee|30 9 Amount, transaction processing fee
31 9 Amount, settlement processing fee|32 LL11 Acquiring institution|33 LL11 Forwarding institution
34 LL28 PAN, extended|35 LL37 Track 2|36 LLL104 Track 3|37 12 Retrieval reference number
38 6 Authorisation id response|39 2 Response code|40 3 Service restriction code|41 8 Terminal|42 15 Merchant
43 40* Merchant name and location|44 LL25* Additional response data|45 LL76 Track 1|46 LLL999* Additional data ISO
47 LLL999* Additional data national|48 LLL999* Additional data private|49 3 Currency, transaction
50 3 Currency, settlement|51 3 Currency, cardholder billing|52 8b PIN|53 16 Security control information
54 LLL240 Additional amounts|55 LLL999b ICC data|56 LLL999* Additional information|57 LLL999* Additional private data
58 LLL999* Authorising agent|59 LLL999* Detail inquiry|60 LLL999* Reserved private|61 LLL999* Identification
62 LLL999* Switching data|63 LLL999* Financial network data|64 8b Message authentication code
66 1 Settlement code|67 2 Extended payment code|68 3 Receiving country|69 3 Settlement country
70 3 Network management information|71 4 Message number|72 4 Message number, last|73 6 Date, action
74 10 Credits, number|75 10 Credits reversal, number|76 10 Debits, number|77 10 Debits reversal, number
78 10 Transfers, number|79 10 Transfers reversal, number|80 10 Inquiries, number|81 10 Authorisations, number
82 12 Credits, processing fee|83 12 Credits, transaction fee|84 12 Debits, processing fee|85 12 Debits, transaction fee
86 16 Credits, amount|87 16 Credits reversal, amount|88 16 Debits, amount|89 16 Debits reversal, amount
90 42 Original data elements|91 1 File update code|92 2 File security code|93 5 Response indicator
94 7 Service indicator|95 42 Replacement amounts|96 8b Message security code|97 17 Amount, net settlement
98 25 Payee|99 LL11 Settlement institution|100 LL11 Receiving institution|101 LL17 File name
102 LL28* Account identification 1|103 LL28* Account identification 2|104 LLL999* Transaction description
105 LLL999* Reserved|106 LLL999* Reserved|107 LLL999* Reserved|108 LLL999* Reserved|109 LLL999* Reserved
110 LLL999* Reserved|111 LLL999* Reserved|112 LLL999* Reserved|113 LLL999* Reserved national|114 LLL999* Reserved
115 LLL999* Reserved|116 LLL999* Reserved|117 LLL999* Reserved|118 LLL999* Reserved|119 LLL999* Reserved
120 LLL999* Reserved|121 LLL999* National switch reserved|122 LLL999* Acquirer reserved|123 LLL999* Issuer reserved
124 LLL999* Reserved|125 LLL999* Reserved|126 LLL999* Reserved|127 LLL999* Reserved|128 8b Message authentication code
"""
# In the terminal body these stay text; 43, 44, 48 and 52 to 64 as listed below; everything else that is fixed is BCD.
_POS_TEXT = frozenset({37, 38, 39, 41, 42, 43, 44, 49, 50, 51, 54, 98, 102, 103})
_POS_BCD_LLL = frozenset({36, 48, 60, 61})
_TRACKS = frozenset({35, 36})
_POS_RIGHT_PAD = frozenset({2, 22, 32, 33, 35, 36, 48, 60, 61, 99, 100})


def _entry(desc: str, enc: str, max_len: int, len_type: int = 0, len_enc: str = "ascii") -> dict[str, Any]:
    return {"data_enc": enc, "len_enc": len_enc, "len_type": len_type, "max_len": max_len, "desc": desc}


def _listed() -> list[tuple[int, str, str]]:
    entries = [entry for line in _FIELDS.split("\n") for entry in line.split("|") if entry]
    return [(int(number), size, what) for number, size, what in (entry.split(" ", 2) for entry in entries)]


def _size(size: str) -> tuple[int, int, str]:
    """(length digits, maximum, mark) of "LLL240", "12", "40*" or "8b"."""
    mark = size[-1] if size[-1] in "*b" else ""
    bare = size.removesuffix(mark) if mark else size
    digits = len(bare) - len(bare.lstrip("L"))
    return digits, int(bare[digits:]), mark


def _cups() -> dict[str, dict[str, Any]]:
    spec = {"h": _entry("Header", "b", 0), "t": _entry("Message type", "ascii", 4)}
    spec |= {"p": _entry("Bitmap, primary", "b", 8), "1": _entry("Bitmap, secondary", "b", 8)}
    for number, size, what in _listed():
        digits, maximum, mark = _size(size)
        enc = {"b": "b", "*": "latin-1", "": "ascii"}[mark]
        spec[str(number)] = _entry(what, enc, maximum, digits)
    return spec


def _pos(track_pad: str) -> dict[str, dict[str, Any]]:
    """`track_pad` fills the last byte of a track of an odd number of characters; other numbers are filled with 0."""
    spec = {"h": _entry("Header", "b", 0), "t": _entry("Message type", "b", 2)}
    spec |= {"p": _entry("Bitmap, primary", "b", 8), "1": _entry("Bitmap, secondary", "b", 8)}
    for number, size, what in _listed():
        digits, maximum, mark = _size(size)
        width = (digits + 1) // 2  # LL in one byte, LLL in two
        text = number in _POS_TEXT or (mark == "*" and number not in _POS_BCD_LLL)
        entry = _entry(what, "latin-1" if text else "b", maximum, width, "bcd")
        if not text and mark != "b":
            right = {"right_pad": track_pad if number in _TRACKS else "0"}
            pad = right if number in _POS_RIGHT_PAD else {"left_pad": "0"}
            entry |= {"len_count": "nibbles", **pad}
        spec[str(number)] = entry
    return spec


SPECS: Mapping[str, Spec] = {"cups": _cups(), "pos": _pos("0"), "pos F": _pos("F")}
