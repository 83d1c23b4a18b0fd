"""Transaction feeds and clearing files: bytes <-> canonical transactions."""

from __future__ import annotations

from adapters.base import Adapter
from adapters.feeds import citizen_card, mapped, pos, unionpay

ADAPTERS: tuple[Adapter, ...] = (citizen_card.ADAPTER, pos.ADAPTER, *unionpay.ADAPTERS, mapped.ADAPTER)
