# Five targets: env, quick, test, lint, bench. All are idempotent.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))

# Two test processes with one thread each beat one process with two on two cores.
export OMP_NUM_THREADS ?= 1

.PHONY: env quick test lint bench

env: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml $(PLUGINS)
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "expected Python 3.11 or newer, got " + sys.version.split()[0] + "; run: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]' $(foreach plugin,$(PLUGINS),--editable $(dir $(plugin)))
	@touch $@

quick: env
	env -u OMP_NUM_THREADS $(BIN)/srbench run quick

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# A loss takes half a minute to check: CI checks some, `make test CHECK_LOSSES=` all of them.
CHECK_LOSSES ?= vgg16,hed-vgg16,craft-vgg16-bn,lpips,fcn-resnet50,charbonnier

test: env lint
	$(BIN)/python -m pytest -m "not slow" -n 2 -q
	$(if $(CHECK_LOSSES),SRBENCH_CHECK_LOSSES=$(CHECK_LOSSES)) $(BIN)/python -m pytest -m slow -n 2 -q --durations=15

bench: env
	env -u OMP_NUM_THREADS $(BIN)/python tests/perf/bench_eval.py
	env -u OMP_NUM_THREADS $(BIN)/python tests/perf/bench_report.py
	env -u OMP_NUM_THREADS $(BIN)/python tests/perf/bench_runs.py
