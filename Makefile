# make demo    a run of orgs/microgpt-lab from nothing but Python >= 3.11 and git
# make test    the tests, in the same virtual environment
# make check   everything that CI asks for
#
# PYTHON names an interpreter, VENV the environment's folder. pip's own settings (index, proxy, cache) are the user's.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV ?= .venv
PYTHON ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUN := $(VENV)/.run-ready
DEV := $(VENV)/.dev-ready
WANTED := pyproject.toml constraints.txt

.PHONY: help demo setup setup-dev test test-models test-cluster check format lint contracts types orgs lock clean

help:
	@echo "make demo   set up $(VENV), run orgs/microgpt-lab on this machine, say where the report is"
	@echo "make test   set up $(VENV), run the tests"
	@echo "make test-models  fetch a small language model (130 MB), run the tests that ask a real one"
	@echo "make test-cluster  start a Ray cluster of two nodes, switch them off and on under a run (3 minutes)"
	@echo "make check  format, lint, contracts, types, shipped orgs, tests: what CI runs"
	@echo "make lock   write constraints.txt again from the newest versions that pyproject.toml allows"
	@echo "make clean  remove $(VENV), caches and builds; runs stay in .orgrun/"

demo: $(RUN)
	@echo "demo: running orgs/microgpt-lab; Ctrl-C stops it cleanly"
	@$(BIN)/orgrun run orgs/microgpt-lab
	@echo "demo: the report of this run:"
	@$(BIN)/orgrun report

setup: $(RUN)

setup-dev: $(DEV)

# Four at once, as many tests wait; in the order of tests/conftest.py, the long files first.
test: $(DEV)
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

# Not part of `check`: a real model on a real server, fetched once into build/models.
test-models: $(DEV)
	@VENV="$(VENV)" bash .ci/model
	REAL_MODEL=build/models $(BIN)/pytest tests/models -m models $(ARGS)

test-cluster: $(DEV)
	SWITCH_NODES=1 $(BIN)/pytest tests/chaos/test_nodes_lost.py $(ARGS)

check: format lint contracts types orgs test

format: $(DEV)
	$(BIN)/ruff format --check

lint: $(DEV)
	$(BIN)/ruff check

contracts: $(DEV)
	$(BIN)/lint-imports

types: $(DEV)
	$(BIN)/mypy

orgs: $(DEV)
	$(BIN)/orgrun check --severity ORG504=off orgs/* roles
	$(BIN)/orgrun fmt --check orgs/*

# A stamp is written last: a set-up that failed or was interrupted leaves none, and the next call goes on from there.
$(RUN): $(WANTED)
	@rm -f $(RUN) $(DEV)
	@VENV="$(VENV)" PYTHON="$(PYTHON)" bash .ci/venv
	@echo "setup: installing orgruntime and what it needs (up to 900 MB on disk; a few minutes)"
	@$(PIP) install --quiet --editable . --constraint constraints.txt
	@touch $(RUN)

$(DEV): $(RUN)
	@echo "setup: installing the development tools"
	@$(BIN)/python .ci/dev_requirements.py > $(VENV)/dev.txt
	@$(PIP) install --quiet --requirement $(VENV)/dev.txt --constraint constraints.txt
	@touch $(DEV)

lock:
	@VENV=build/lock PYTHON="$(PYTHON)" bash .ci/venv
	@build/lock/bin/python .ci/dev_requirements.py > build/lock/dev.txt
	@build/lock/bin/python -m pip install --quiet --upgrade --editable . --requirement build/lock/dev.txt
	@echo "# Exact versions of everything that make and CI install. Written by \`make lock\`; pyproject.toml holds the ranges." \
		> build/lock/constraints.txt
	@build/lock/bin/python -m pip freeze --exclude-editable --exclude orgruntime >> build/lock/constraints.txt
	@mv build/lock/constraints.txt constraints.txt
	@rm -rf build/lock
	@echo "lock: wrote constraints.txt"

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find orgruntime tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
