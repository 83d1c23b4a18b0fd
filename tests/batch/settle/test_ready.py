"""A source whose format cannot give what its role takes stops the night before it begins."""

from __future__ import annotations

import pytest

from batch.config import SourceConfig
from batch.ready import _readable
from settlement.model.errors import BadConfiguration


@pytest.mark.parametrize(("role", "name", "said"), [
    ("statement", "camt053", ""),
    ("statement", "camt054", "camt054 has no balances"),
    ("statement", "citizen_card", "citizen_card gives no statement"),
    ("feed", "camt053", "camt053 gives no transaction"),
])  # fmt: skip
def test_what_a_role_takes(role: str, name: str, said: str) -> None:
    source = SourceConfig(name="bank", title="bank", format=name, role=role, folder="bank", pattern="*")
    if not said:
        _readable(source)
        return
    with pytest.raises(BadConfiguration, match=f"sources.bank: {said}"):
        _readable(source)
