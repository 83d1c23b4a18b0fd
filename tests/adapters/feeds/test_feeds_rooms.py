"""The memory of a block is used again: nothing that a block has given may still lie in it."""

from __future__ import annotations

import random

import feeds_support as s
import numpy as np
import pytest
from polars.testing import assert_frame_equal
from test_feeds_plain_keys import NAMES, _file

from adapters.feeds import fixed_blocks, records
from adapters.layout import shipped_layout
from settlement.model import in_order

RECORDS = 12  # as in the files of test_feeds_plain_keys
CELLS = (b" ", b"0", b"9", b"~", b"\x00", b"\xff", "楼".encode("gb18030"))


def _damaged(data, head, layout, rng):
    stride = layout.record.width + 2
    body = np.frombuffer(data, np.uint8)[head : head + RECORDS * stride].reshape(RECORDS, stride).copy()
    for spec in rng.sample(layout.record.fields, 3):
        cell = (rng.choice(CELLS) * spec.length)[: spec.length]
        rows = slice(None) if rng.random() < 0.3 else rng.sample(range(RECORDS), 2)
        body[rows, spec.start - 1 : spec.end] = np.frombuffer(cell, np.uint8)
    return data[:head] + body.tobytes() + data[head + body.size :]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_block_gives_is_its_own(monkeypatch, name):
    """Memory is overwritten as soon as a block leaves it, on three threads; records, rejects and totals stay."""
    form, data, given, head = _file(name)
    layout, rng, left = shipped_layout("adapters.feeds", name), random.Random(name), []
    real = fixed_blocks._Rooms.leave

    def overwritten(rooms, table, read):
        def read_and_overwrite(cells):
            block = read(cells)
            if len(cells) > 1:
                cells[:] = 0x37
                left.append(len(cells))
            return block

        return real(rooms, table, read_and_overwrite)

    monkeypatch.setattr(in_order.pl, "thread_pool_size", lambda: 3)
    for _ in range(12):
        changed = _damaged(data, head, layout, rng)
        frame, rejects, closing = s.read(form, changed, given)
        with monkeypatch.context() as patch:
            patch.setattr(records, "BLOCK", rng.choice((2, 3, 5)) * (layout.record.width + 2))
            patch.setattr(fixed_blocks, "FIRST", 1)
            patch.setattr(fixed_blocks._Rooms, "leave", overwritten)
            got, others, last = s.read(form, changed, given)
        assert (others, last) == (rejects, closing)
        assert_frame_equal(got, frame)
    assert len(left) > 12
