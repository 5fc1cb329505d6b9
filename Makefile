# demo and test need nothing but Python 3.11 or newer, make and git.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Two processors run what starts processes beside all the rest.
SERVED := tests/cli tests/e2e

.PHONY: demo test check served rest proof mutants clean

demo: .venv/core
	$(BIN)/entra-fleet demo

test: .venv/dev
	$(BIN)/pytest -q

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/coverage erase
	$(MAKE) --jobs=2 --output-sync=target served rest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

served: .venv/dev
	$(BIN)/coverage run --parallel-mode -m pytest $(SERVED)

rest: .venv/dev
	$(BIN)/coverage run --parallel-mode -m pytest $(addprefix --ignore=,$(SERVED))

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

.venv/dev: .venv/core
	$(INSTALL) -e '.[dev]'
	touch $@
