# Eleven targets: env, quick, site, docs, lint, portable, browser, test, certify, dist, bench. All are idempotent.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))

# Two test processes with one thread each beat one process with two on two cores.
export OMP_NUM_THREADS ?= 1

.PHONY: env quick site docs lint portable browser test certify dist bench

env: $(VENV)/.installed

# CONSTRAINTS: a file of versions to hold to, for example .github/oldest.txt.
CONSTRAINTS ?=

$(VENV)/.installed: pyproject.toml $(PLUGINS)
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "expected Python 3.11 or newer, got " + sys.version.split()[0] + "; run: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) \
	  --editable '.[dev]' $(foreach plugin,$(PLUGINS),--editable $(dir $(plugin)))
	@touch $@

quick: env
	env -u OMP_NUM_THREADS $(BIN)/srbench run quick

# The pages of the leaderboard, and its tables, from its records: leaderboard/index.html.
site: env
	$(BIN)/srbench publish leaderboard --to leaderboard --readme README.md

# The documentation site in build/docs, built strictly. Not with --quiet, under which mkdocs is strict about nothing.
docs: env
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github

# Images and statistics as two other processors make them: one with AVX2, one without vector extensions.
# numpy's names of features changed with 2.4; names that it does not know it passes over.
AVX512 := X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX
PORTABLE := tests/models/test_known_bytes.py tests/imaging/test_exact.py tests/report/test_statistics.py \
  tests/metrics/test_niqe_luma.py
IMITATED := $(BIN)/python -m pytest -W "ignore:During parsing:ImportWarning" -q -m "not slow" $(PORTABLE)

portable: env
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell \
	  NPY_DISABLE_CPU_FEATURES="$(AVX512)" $(IMITATED)
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 OPENBLAS_CORETYPE=Nehalem \
	  NPY_DISABLE_CPU_FEATURES="$(AVX512) X86_V3 AVX2 FMA3" $(IMITATED)

# The tests of the site need a Chromium; without one they are skipped and say so.
CHROMIUM := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))

browser:
ifeq ($(CHROMIUM),)
	@if [ -f /etc/debian_version ] && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium \
	  || echo "browser: Chromium could not be installed; the browser tests will be skipped"; \
	else \
	  echo "browser: no Chromium on this machine; the browser tests will be skipped (install the package 'chromium')"; \
	fi
endif

# `make test SIZES=all`: every loss is checked, and the largest tests do all that they can (tests/support/sizes.py).
SIZES ?= usual

# Linters and the two imitated processors keep one core busy each: side by side they take half the time.
# The documentation is built because only a strict build finds its broken links.
test: env
	+$(MAKE) --jobs=2 --output-sync=target lint portable browser docs certify DEVICE=cpu
	$(BIN)/python -m pytest -m "not slow" -n 2 -q
	SRBENCH_TEST_SIZES=$(SIZES) $(BIN)/python -m pytest -m slow -n 2 -q --durations=15

# What a device can be trusted with (docs/gpu.md): one process, and a certificate that `srbench certify --show` prints.
DEVICE ?= cuda
CERTIFICATE ?= runs/certificate-$(DEVICE).json

certify: env
	@mkdir -p $(dir $(CERTIFICATE))
	SRBENCH_CERTIFY=$(DEVICE) SRBENCH_CERTIFICATE=$(CERTIFICATE) $(BIN)/python -m pytest -m accelerator tests/accelerator -q; \
	  status=$$?; $(BIN)/srbench certify --show $(CERTIFICATE); exit $$status

# What a release publishes, in dist/: the host and every plugin but the one that is there to be copied.
dist: env
	rm -rf dist
	$(foreach folder,. $(filter-out plugins/example/,$(dir $(PLUGINS))),\
	  cd $(folder) && $(abspath $(BIN))/hatchling build -d $(CURDIR)/dist && cd $(CURDIR) &&) true

# BENCH: names of benchmarks and options, for example `make bench BENCH="data eval --quick"`.
bench: env
	env -u OMP_NUM_THREADS $(BIN)/python tests/perf $(BENCH)
