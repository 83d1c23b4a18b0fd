"""The demonstration home: the example programme with a budget that fits the traffic, and generated people."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.city.people import people, write_reference
from batch.city.traffic import Town, load_places
from batch.config import load_config
from settlement.model.errors import BadInput

MEMBERS_PER_TRANSACTION = (2, 5)
FEWEST_MEMBERS = 400


def example_folder() -> Path:
    """examples/suzhou of the checkout."""
    folder = Path(__file__).resolve().parents[2] / "examples" / "suzhou"
    if not (folder / "puhui.toml").exists():
        raise BadInput(f"{folder}: not found; run the demo from a checkout of the repository")
    return folder


def prepare(folder: Path, seed: int, volume: int) -> Path:
    """Copies the example to <folder>/import and generates members; gives that folder. Equal arguments, equal files."""
    target = folder / "import"
    shutil.copytree(example_folder(), target, dirs_exist_ok=True)
    programme = target / "programme" / "programme.yaml"
    budget = f"{max(volume * 30 // 100, 20)}.00"
    text = re.sub(r"(name: bakery-budget.*value: )[0-9.]+", rf"\g<1>{budget}", programme.read_text("utf-8"))
    programme.write_text(text, "utf-8")
    town = town_of(folder, seed, volume)
    write_reference(target, town.people, seed)
    return target


def town_of(folder: Path, seed: int, volume: int) -> Town:
    """The town of a prepared folder."""
    config = load_config(example_folder())
    count = max(volume * MEMBERS_PER_TRANSACTION[0] // MEMBERS_PER_TRANSACTION[1], FEWEST_MEMBERS)
    return Town(
        seed,
        volume,
        config.policy.first_business_date,
        ZoneInfo(config.programme.timezone),
        people(seed, count),
        load_places(folder / "import"),
    )


def first_date() -> date:
    """The first business date of the example."""
    return load_config(example_folder()).policy.first_business_date
