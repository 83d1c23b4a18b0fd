# The two commands of a newcomer are `make demo` and `make test`. Everything is installed into .venv, pinned by hash.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := settlement adapters rules batch portal
DEMO ?= demo
VOLUME ?= 20000
WORKERS ?= 2
SECONDS ?= 60

.PHONY: help demo test check bench property fuzz crash system-packages clean lock

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(VENV)/run.done: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q $(PACKAGES)
	touch $@

$(VENV)/dev.done: requirements-dev.txt $(VENV)/run.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

demo: $(VENV)/run.done ## a small Suzhou: seven nights from files a bank drops to files a bank takes, in ./demo
	$(BIN)/puhui demo $(DEMO) --volume $(VOLUME)

test: $(VENV)/dev.done ## all tests, under ten minutes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -q

check: $(VENV)/dev.done ## ruff, mypy strict, import contracts, size of functions and files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/health

bench: $(VENV)/dev.done ## benchmarks as ratios in one run
	$(BIN)/python -m benchmarks

property: $(VENV)/dev.done ## long runs: ten times as much of each property (20,000 sequences through both engines), 5,000 programmes against the oracle
	PUHUI_PROPERTY_TIMES=10 $(BIN)/python -m pytest -q -n $(WORKERS) tests/property tests/batch/reconcile/test_unpaid_lives.py
	PUHUI_ORACLE_PROGRAMMES=5000 $(BIN)/python -m pytest -q -n $(WORKERS) tests/oracle
	PUHUI_ISO_ROUNDS=200 $(BIN)/python -m pytest -q -n $(WORKERS) tests/adapters/feeds/test_feeds_iso_columns.py

fuzz: $(VENV)/dev.done ## the fuzzer over every adapter, SECONDS each; all hostile files, up to a GiB
	$(BIN)/python tests/fuzz/fuzz_run.py all --seconds $(SECONDS)
	PUHUI_HOSTILE=1 $(BIN)/python -m pytest -q -n $(WORKERS) tests/fuzz

crash: $(VENV)/dev.done ## a night killed at each of its moments, at 200 where it has more
	PUHUI_KILL_POINTS=200 $(BIN)/python -m pytest -q -n $(WORKERS) tests/faults

system-packages: ## Debian packages that some tests use (as root only)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$(cat tests/system-packages.txt)

lock: ## new pins (needs pip-tools in the environment)
	pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --extra dev --extra build -o requirements-dev.txt pyproject.toml
	pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --extra build -c requirements-dev.txt -o requirements.txt pyproject.toml

clean: ## removes .venv and the demo
	rm -rf $(VENV) demo build *.egg-info
