"""In CI (PUHUI_NO_MISSING_PACKAGES) a test that is skipped for a missing Debian package fails."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

REMEDIES = ("system-packages", "apt-get install")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    reason = str(report.longrepr)
    if report.skipped and os.environ.get("PUHUI_NO_MISSING_PACKAGES") and any(r in reason for r in REMEDIES):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a package is missing here: {reason}"
    return report
