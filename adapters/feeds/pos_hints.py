"""Why a message is not what the source's settings say: what a person would see in its first bytes."""

from __future__ import annotations

import re

from adapters.feeds.pos_settings import HEADERS, PosSettings

_HEX = frozenset(b"0123456789ABCDEFabcdef")
_TRACKS = frozenset({"35", "36"})
_NIBBLES = re.compile(r"Field data is (\d+) nibbles, expecting (\d+)")  # as iso8583 says it


def header_hint(message: bytes, settings: PosSettings) -> str:
    """What is wrong with the header in front of a message."""
    size, name = HEADERS[settings.header], settings.header
    begins = f"the message does not begin with a {name} header of {size} bytes"
    if len(message) <= size:
        return f"{begins} and a body: it has {len(message)} bytes"
    if int.from_bytes(message[:2], "big") == len(message) - 2 or message[:4] == b"%04d" % (len(message) - 4):
        return f"{begins} but with its own length: cut it off, or send the file framed len2 or len4"
    if name == "cups" and message[0] == HEADERS["cups"]:
        stated = message[2:6].decode("latin-1")
        what = f"states {int(stated)} bytes" if stated.isascii() and stated.isdigit() else "states no length"
        return f"the message's cups header {what}, and header and body are {len(message)}"
    return f"{begins}: the first byte would be {'2E' if name == 'cups' else '60'}, and is {message[0]:02X}"


def body_hint(body: bytes, field: str, what: str, settings: PosSettings) -> str:
    """What else than the field itself may be why a body does not decode (`what`); blank where nothing shows."""
    see = "see the settings body and header"
    if settings.body == "cups":
        if not (body[:1] == b"0" != body[1:2] and body[:4].isdigit()):
            return f"the body does not begin with a message type in ASCII ({see}): "
        if len(body) >= 20 and _HEX.issuperset(body[4:20]):
            return "the bitmap is written as hexadecimal digits, and only one of 8 bytes is read: "
    elif not (b"\0" < body[:1] < b"\x0a" and body[1:2].hex().isdigit()):
        return f"the body does not begin with a message type in BCD ({see}): "
    odd = _NIBBLES.match(what) if settings.body == "pos" and field in _TRACKS else None
    if odd and int(odd[1]) == int(odd[2]) + 1:
        return f"the half byte behind the track is not {settings.track_pad} (see the setting track_pad): "
    return ""
