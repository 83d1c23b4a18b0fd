"""A source whose format cannot give what its role takes stops the night before it begins."""

from __future__ import annotations

import pytest

from batch.config import SourceConfig
from batch.ready import _readable
from settlement.model.errors import BadConfiguration


@pytest.mark.parametrize(("role", "name", "fits"), [
    ("statement", "camt053", True),
    ("statement", "camt054", False),  # no balances: the night could prove none of it
    ("statement", "citizen_card", False),
    ("feed", "camt053", False),
])  # fmt: skip
def test_what_a_role_takes(role: str, name: str, fits: bool) -> None:
    source = SourceConfig(name="bank", title="bank", format=name, role=role, folder="bank", pattern="*")
    if fits:
        _readable(source)
        return
    with pytest.raises(BadConfiguration, match=rf"sources.bank: {name} gives no "):
        _readable(source)
