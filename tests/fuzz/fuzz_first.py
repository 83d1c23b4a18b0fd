"""Imported before all else: one thread for Polars, paths, and coverage of the adapters where atheris runs them."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Frames of three rows need no threads. Polars and NumPy read these once, when they are imported.
for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
for folder in (ROOT, ROOT / "tests/adapters/feeds"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
if "--child=atheris" in sys.argv:
    import atheris

    with atheris.instrument_imports(include=["adapters"]):
        importlib.import_module("adapters.registry")
