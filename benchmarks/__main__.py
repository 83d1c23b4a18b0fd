"""`make bench`: every benchmark in one run, figures as ratios. Each module's main() prints its own table."""

from __future__ import annotations

from benchmarks import accounts_statements, documents_statements, feeds_speed, rules_bench

for module in (rules_bench, feeds_speed, accounts_statements, documents_statements):
    first = (module.__doc__ or module.__name__).splitlines()[0]
    print(f"\n== {module.__name__.removeprefix('benchmarks.')}: {first}")
    module.main()
