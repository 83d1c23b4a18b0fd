"""Hostile input to the readers of feeds: no crash, hang, much memory, or accepted wrong total."""

from __future__ import annotations

import io

import pytest
from feeds_fuzz import SUBJECTS, check, run, seed_file

from adapters.base import Closing, Context
from adapters.registry import adapter


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_mutated_files_never_break_a_reader(name):
    outcomes = run(name, 25, 20260507)
    assert sum(outcomes.values()) == 25
    assert len(outcomes) > 2, outcomes


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_the_seed_file_is_whole(name):
    assert check(name, seed_file(name)) == "whole"


class _Endless(io.RawIOBase):
    """One byte, again and again."""

    def __init__(self, byte: bytes, size: int) -> None:
        self.byte, self.left = byte, size

    def readable(self):
        return True

    def read(self, size=-1):
        size = min(size if size >= 0 else self.left, self.left)
        self.left -= size
        return self.byte * size


@pytest.mark.parametrize("name", ["citizen_card", "pos_len2", "pos_hex", "unionpay_zm", "wechat_pay"])
@pytest.mark.parametrize("byte", [b"0", b"\x00", b"\n"])
def test_a_gigabyte_of_one_line_is_refused_at_once(name, byte):
    form, file, settings = SUBJECTS[name]
    stream = _Endless(byte, 2**30)
    closing = list(adapter(form).read(stream, Context(file, "fuzz", settings)))[-1]
    assert isinstance(closing, Closing)
    assert closing.refused is not None
    assert 2**30 - stream.left <= 32 * 2**20, "it was not read on to its end"
