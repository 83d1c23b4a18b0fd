"""Every adapter by name. A format is chosen by its name, never by looking at a file."""

from __future__ import annotations

from adapters.accounts import ADAPTERS as ACCOUNTS
from adapters.base import Adapter
from adapters.feeds import ADAPTERS as FEEDS
from adapters.payments import ADAPTERS as PAYMENTS
from settlement.model.errors import BadInput

ALL: tuple[Adapter, ...] = (*FEEDS, *ACCOUNTS, *PAYMENTS)
_BY_NAME = {entry.name: entry for entry in ALL}
assert len(_BY_NAME) == len(ALL), "two adapters have one name"


def adapter(name: str) -> Adapter:
    """The adapter of a format. BadInput: there is none of that name."""
    found = _BY_NAME.get(name)
    if found is None:
        raise BadInput(f"format {name!r} is not known; `puhui feed list` names them: {', '.join(sorted(_BY_NAME))}")
    return found
