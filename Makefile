# `make help` lists what there is. Needs Python 3.11+ and a package registry, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
SEEDS ?= 5

.DEFAULT_GOAL := help
.PHONY: help up demo test test-long faults lint format fuzz bench docs lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Journeyman needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
		$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

up: $(VENV)/.ready ## start everything embedded, with a demo cohort; Ctrl-C stops it
	@$(BIN)/journeyman up

demo: $(VENV)/.ready ## the same, ending by itself with a table and one line of JSON
	@$(BIN)/journeyman up --demo

test: $(VENV)/.ready ## every test
	@$(BIN)/pytest -n $(WORKERS) --dist loadscope -m "not slow"

test-long: $(VENV)/.ready ## the long runs: thousands of orders and events
	@$(BIN)/pytest -m slow

faults: $(VENV)/.ready ## every process killed, partners cut off, servers away: SEEDS=5 seeds
	@$(BIN)/python -m tests.faults.harness --seeds $(SEEDS)

lint: $(VENV)/.ready ## format, lint, types, import contracts, workflow rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/unit/test_workflow_rules.py

format: $(VENV)/.ready ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

fuzz: $(VENV)/.ready ## generated requests, 200 an operation, as everybody (FUZZ_SEED=n)
	@$(BIN)/pytest -m slow tests/fuzz

bench: $(VENV)/.ready ## the benchmarks, each a ratio measured in one run
	@$(BIN)/python -m bench

docs: $(VENV)/.ready ## render the diagrams in docs/ from the code
	@$(BIN)/python -m processes.render_docs

lock: $(VENV)/.ready ## pin requirements.lock anew (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
		--no-annotate --python-version 3.11 --extra dev pyproject.toml -o requirements.lock

clean: ## remove what was built and the embedded run's data
	@rm -rf $(VENV) .data build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
