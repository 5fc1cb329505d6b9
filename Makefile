# demo and test need nothing but Python 3.11 or newer, make and git.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# A worker for each processor; a file's tests stay together, for they share what is expensive to start.
WORKERS ?= auto
# Workers agree on the order of tests only if sets have the same order in all of them.
PYTEST := PYTHONHASHSEED=0 $(BIN)/pytest -q --numprocesses=$(WORKERS) --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

.PHONY: demo test lint check coverage proof mutants clean

demo: .venv/core
	$(BIN)/entra-fleet demo

test: .venv/dev
	$(PYTEST)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

coverage: .venv/dev
	$(BIN)/coverage erase
	$(BIN)/coverage run --parallel-mode -m pytest -q
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

proof: .venv/dev
	$(BIN)/pytest -q -m 'proof or not proof' tests/proof

mutants: .venv/dev
	$(BIN)/python -m tests.mutants

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* build dist

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/core: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e .
	touch $@

# With all extras at once, not core first: two installations resolve twice.
.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[dev]'
	touch .venv/core $@
