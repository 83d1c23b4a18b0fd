"""Terms: one scheme version with the pools it draws from, as a sale's award was made under.

State keeps the terms of every award as a document, so that a refund is settled under the terms of its sale even where
the directory has since changed (docs/rules.md, "Terms").
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pydantic import TypeAdapter

from rules.documents import Key, Limit, Measure, Scheme, Window

WHOLE_TIME = date(1970, 1, 1)  # the window start of `total`

_LIMIT: TypeAdapter[Limit] = TypeAdapter(Limit)


@dataclass(frozen=True, slots=True)
class Cap:
    """One limit as a scheme meets it. `scope` is the scheme's code, "" for a pool. `value` is fen or a count."""

    scope: str
    name: str
    measure: Measure
    per: tuple[Key, ...]
    window: Window
    value: int
    deny: bool

    @property
    def per_text(self) -> str:
        """The keys joined by "|", as State keeps them."""
        return "|".join(self.per)


@dataclass(frozen=True, slots=True)
class Terms:
    """A scheme version, the limits it meets in order (its own, then pools), and a digest that names all of it."""

    scheme: Scheme
    caps: tuple[Cap, ...]
    digest: str
    document: str
    file: str = ""
    line: int = 0

    @property
    def sponsors(self) -> tuple[str, ...]:
        """Sponsor names in the order written, `district` unresolved."""
        return tuple(share.sponsor for share in self.scheme.funding)


def make_terms(scheme: Scheme, pools: tuple[Limit, ...], file: str = "", line: int = 0) -> Terms:
    """Terms of `scheme`; `pools` are the definitions of the pools it names, in its order."""
    content = {
        "scheme": scheme.model_dump(mode="json", by_alias=True),
        "pools": [pool.model_dump(mode="json") for pool in pools],
    }
    document = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(document.encode()).hexdigest()[:32]
    caps = [_cap(scheme.scheme, limit) for limit in scheme.limits] + [_cap("", pool) for pool in pools]
    return Terms(scheme, tuple(caps), digest, document, file, line)


def read_terms(document: str) -> Terms:
    """Terms from the document that State keeps."""
    content: dict[str, Any] = json.loads(document)
    scheme = Scheme.model_validate_json(json.dumps(content["scheme"]))
    pools = tuple(_LIMIT.validate_json(json.dumps(pool)) for pool in content["pools"])
    return make_terms(scheme, pools)


def _cap(scope: str, limit: Limit) -> Cap:
    return Cap(scope, limit.name, limit.measure, limit.per, limit.window, limit.value, limit.on_exceed == "deny")


def window_start(window: Window, day: date) -> date:
    """First day of the window that `day` lies in; WHOLE_TIME for `total`."""
    if window == "day":
        return day
    if window == "week":
        return day - timedelta(days=day.weekday())
    if window == "month":
        return day.replace(day=1)
    if window == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if window == "year":
        return day.replace(month=1, day=1)
    return WHOLE_TIME
