# demo and test need nothing but Python 3.11 or newer, make and git.
PYTHON ?= python3
BIN := .venv/bin
# Python compiles what it imports: pip would compile 24,000 modules first, 17,000 of them of msgraph-sdk. Of what it says only
# errors are shown: with exact versions, its warnings are about where it looks for them.
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-compile -c constraints.txt

# One worker more than processors: tests that start servers wait for them a third of the time. They agree on the order of
# tests only if sets have the same order in all of them.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Bytecode is kept whatever the environment says, or each worker and each process that a test starts compiles all anew.
ENVIRONMENT := PYTHONDONTWRITEBYTECODE= PYTHONHASHSEED=0
OPTIONS := -q --numprocesses=$(WORKERS) --maxprocesses=4
PYTEST := $(ENVIRONMENT) $(BIN)/pytest $(OPTIONS)

.PHONY: demo test whole quick lint check ci docs coverage proof mutants clean

demo: .venv/core
	$(BIN)/entra-fleet demo

# A file's tests stay together, for they share what is expensive to start.
test: .venv/dev
	$(PYTEST) --dist=loadfile --no-loadscope-reorder -m "not long and not proof"

# With those that take long and have one of their kind in `test`.
whole: .venv/dev
	$(PYTEST) --dist=loadfile --no-loadscope-reorder

# All but those that start servers and workers of Prefect as processes.
quick: .venv/dev
	$(PYTEST) --dist=loadfile --no-loadscope-reorder --ignore=tests/e2e

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

ci: lint whole

# What is made from the code: the tables of docs/errors.md, and the page of every command and option. Tests say when they are stale.
docs: .venv/dev
	$(BIN)/python -m tests.docs.errors_page
	$(BIN)/typer flows.cli.main utils docs --name entra-fleet --output docs/reference.md

coverage: .venv/dev
	$(BIN)/coverage erase
	$(ENVIRONMENT) $(BIN)/coverage run -m pytest $(OPTIONS) --dist=loadfile --no-loadscope-reorder
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

proof: .venv/dev
	$(PYTEST) --dist=worksteal -m proof

mutants: .venv/dev
	$(BIN)/python -m tests.mutants

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* build dist

# With a new pip: that of Python 3.11 takes twice as long to choose among the versions of 170 packages.
.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(INSTALL) --upgrade pip

.venv/core: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[embedded]'
	touch $@

# With all extras at once, not core first: two installations resolve twice. Compiled here but for msgraph-sdk, on all processors:
# several processes begin to test at once, and each would compile the same. What is for a newer Python does not compile.
.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[dev]'
	$(ENVIRONMENT) $(BIN)/python -m compileall -qq -j 0 -x /msgraph/ .venv/lib || true
	touch .venv/core $@
