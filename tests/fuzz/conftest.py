"""Paths and threads, before the modules of the fuzzer are imported."""

import fuzz_first

assert fuzz_first.ROOT.is_dir()
