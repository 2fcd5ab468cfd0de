# The house's commands. `make help` lists them; README.md says what each is for.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq --no-input
ARGS ?=
N ?= 200
SEED ?= 0
SAMPLES ?= 20
SECONDS ?= 60
MB ?= 1000

.PHONY: help run test check bench noise fuzz crash dst months peers catalogues constraints clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo "  ARGS='...' goes to the command: make run ARGS='--seed 7 --transactions 50'"

run: $(STAMP) ## A day of trade on a simulated terminal: screens on a terminal, else a printed day report
	@$(BIN)/counterfoil demo $(ARGS)

test: $(STAMP) ## All tests, on every core
	@$(BIN)/python -m pytest -n auto $(ARGS)

check: $(STAMP) ## Format, lint, types, import contracts, generated docs
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@MYPYPATH=pytest-plugin $(BIN)/mypy --no-error-summary -p pytest_counterfoil
	@said=$$($(BIN)/lint-imports 2>&1) || { echo "$$said"; exit 1; }
	@$(BIN)/python docs/build.py --check
	@echo "All checks passed."

crash: $(STAMP) ## Every disk that a power cut can leave of the record, opened again: make crash SAMPLES=20 (seeded choices a crash; the tests take 2)
	@$(BIN)/python -m tests.crash $(SAMPLES) $(ARGS)

dst: $(STAMP) ## Seeded fault schedules of money and events, on all cores: make dst N=10000 SEED=0
	@$(BIN)/python -m tests.dst $(SEED) $(N) $(ARGS)

months: $(STAMP) ## Seeded months with mixed lies, then honest ones, played, recorded, audited and judged: make months N=200 SEED=0
	@$(BIN)/python -m tests.dst.months $(SEED) $(N) $(ARGS)
	@$(BIN)/python -m tests.dst.months $(SEED) $(N) --honest $(ARGS)

catalogues: $(STAMP) ## Bring the Chinese catalogues up to date with the source, and compile them
	@$(BIN)/python -m tests.catalogues

bench: $(STAMP) ## Measure, and write docs/performance.md
	@$(BIN)/python -m tests.bench $(ARGS)

noise: $(STAMP) ## A gigabyte of noise into both ends of the wire, memory watched: make noise MB=1000
	@$(BIN)/python -m tests.bench.flood $(MB)

# Installed by name and only here: neither the product nor its tests need it, and it has wheels for Linux on x86-64 alone.
fuzz: $(STAMP) ## Fuzz the wire, checksums and tags out of the way (installs atheris): make fuzz SECONDS=60
	@$(PIP) install --no-deps --only-binary :all: atheris==3.0.0
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# Kept out of constraints.txt: they are no wheels, old, and no test but those against them needs them. None wants a compiler.
peers: $(STAMP) ## Fetch the foreign clients that the dialects are tested against (Python, and Node where it is)
	@$(PIP) install --require-hashes --no-deps --no-build-isolation -r tests/dialects/peers.txt
	@if command -v npm >/dev/null; then mkdir -p build/peers/node && npm install --prefix build/peers/node --no-audit --no-fund \
	  --no-save --ignore-scripts --loglevel=error transbank-pos-sdk@4.0.0; else echo "npm is not installed: the Node client's tests are skipped."; fi

# Wheels only: a fresh machine has no compiler.
constraints: ## Pin every dependency anew, with hashes (needs uv; nothing else here does)
	@command -v uv >/dev/null || { echo "uv is not installed. Install it, for this one command: pip install uv" >&2; exit 1; }
	@uv pip compile --no-config --quiet --upgrade --universal --python-version 3.11 \
	  --only-binary :all: --no-emit-package pip --generate-hashes --annotation-style line --custom-compile-command "make constraints" \
	  --group pyproject.toml:dev pyproject.toml --output-file constraints.txt

clean: ## Remove the environment and everything that was built
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# constraints.txt is the whole closure, so nothing is resolved and nothing unpinned can slip in. The editable install is in the
# compatible mode because the default one hides the flat packages from mypy and import-linter.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old. Install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || { echo "Making $(VENV), once; this takes about a minute."; \
	  rm -rf $(VENV); said=$$($(PYTHON) -m venv $(VENV) 2>&1) || { rm -rf $(VENV); \
	  echo "$(PYTHON) -m venv cannot make an environment: $$(echo "$$said" | head -n 1)" >&2; \
	  echo "Install what it needs; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; }
	@$(PIP) install --require-hashes --no-deps -r constraints.txt
	@$(PIP) install --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@
