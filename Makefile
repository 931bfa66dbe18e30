# Two commands: `make demo` and `make test`. Each sets up what it needs in .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo demo-full test lint bench job

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools
	# torch first and pinned: another package that depends on it would otherwise choose its build.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[s3,dev]'
	touch $(STAMP)

demo: setup
	$(BIN)/omniforge demo --output demo

# The chain that the shipped model comes from: hours on two cores.
demo-full: setup
	$(BIN)/omniforge demo --full --output demo-full

test: setup
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python benchmarks/run.py

job: setup
	rm -rf dist build
	$(BIN)/python -m build --wheel --outdir dist .
	$(BIN)/python -m zipfile -e dist/omniforge-*.whl dist/job
