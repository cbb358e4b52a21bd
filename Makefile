# A bare `make` lists what there is. Everything is installed into .venv, from locks with hashes.
# LAKE is the lake of the demo and the dashboard: make run LAKE="another folder"

PYTHON ?= python3.11
LAKE ?= $(or $(FACINGS_LAKE),.facings/demo)
WORKERS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# pyspark alone comes as source: it is built with the pinned setuptools of requirements-build.lock, not a newer one.
INSTALL := $(PIP) install --require-hashes --only-binary=:all: --no-binary=pyspark --no-build-isolation
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev run demo serve test lint format bench soak latency screenshots dist lock lock-upgrade clean

help: ## list the targets
	@echo "Facings: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/.setup ## install into .venv, nothing else (instant when done)

run: demo ## set up, simulate stores, rebuild the views, then live: devices, Kafka, services, dashboard on http://127.0.0.1:8501
	@echo "==> live, with the dashboard on http://127.0.0.1:8501 (Ctrl-C stops it)"
	@$(BIN)/facings demo --live --stack --rate 2 --burst 20x --lake "$(LAKE)"

demo: setup ## the same without the dashboard
	@echo "==> demo: simulated stores into $(LAKE), then every view"
	@$(BIN)/facings demo --lake "$(LAKE)"

serve: setup ## the dashboard of LAKE on http://127.0.0.1:8501
	@$(BIN)/facings serve --lake "$(LAKE)"

test: lint ## lint, then every test (PYTEST="-k name" passes arguments on)
	@bash tests/install_chromium.sh
	@bash tests/install_s3_server.sh
	@echo "==> tests"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST)

lint: setup-dev ## ruff and mypy --strict
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> mypy"
	@$(BIN)/mypy

format: setup-dev ## let ruff fix and format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup-dev ## measure the product beside its peers
	@$(BIN)/python -m bench

soak: setup-dev ## ten minutes of kills, stops and broker restarts: nothing lost, twice or out of order (SOAK="--minutes 2")
	@$(BIN)/python -m bench.soak $(SOAK)

latency: setup-dev ## seconds from event to readable row, and what exactly-once costs
	@$(BIN)/python -m bench.latency
	@$(BIN)/python -m bench.once

screenshots: setup-dev ## take screenshots of the running dashboard (make serve): light, dark and phone, into docs/screenshots
	@bash tests/install_chromium.sh
	@$(BIN)/python -m tests.browser.shots

lock: setup-dev ## write both locks anew after a change of requirements*.in; versions stay where they can
	@$(COMPILE) requirements-build.in -o requirements-build.lock
	@$(COMPILE) requirements.in requirements-build.in -o requirements.lock
	@$(COMPILE) requirements-dev.in -o requirements-dev.lock
	@$(COMPILE) requirements-worker.in -o requirements-worker.lock

lock-upgrade: setup-dev ## the same, taking every newer version that the .in files allow
	@$(COMPILE) --upgrade requirements-build.in -o requirements-build.lock
	@$(COMPILE) --upgrade requirements.in requirements-build.in -o requirements.lock
	@$(COMPILE) --upgrade requirements-dev.in -o requirements-dev.lock
	@$(COMPILE) requirements-worker.in -o requirements-worker.lock

dist: setup ## what a cluster gets, into dist: our code, the libraries it needs, the script (docs/engines.md)
	@rm -rf build/worker && mkdir -p build/worker dist
	@$(INSTALL) --quiet --target build/worker -r requirements-worker.lock
	@tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C build/worker -cf - . | gzip -1n > dist/facings-env.tar.gz
	@$(BIN)/python -c 'import pathlib; from batch.engines.code import EVERYTHING, pack; pack(pathlib.Path("dist/facings.zip"), EVERYTHING)'
	@cp batch/rebuild.py dist/rebuild.py
	@ls -lh dist

clean: ## remove .venv, caches and the demo lake
	rm -rf .venv .facings .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup-dev: .venv/.setup-dev

.venv/bin/python:
	@command -v "$(PYTHON)" >/dev/null && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
		echo "Facings needs Python 3.11, and \`$(PYTHON)\` is not one." >&2; \
		echo "Install it (Debian: apt-get install python3.11-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@echo "==> virtual environment: .venv"
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; \
		echo "Python's venv module failed; on Debian: apt-get install python3.11-venv" >&2; exit 1; }

.venv/.setup: requirements-build.lock requirements.lock pyproject.toml | .venv/bin/python
	@$(INSTALL) --quiet -r requirements-build.lock
	@echo "==> dependencies: requirements.lock, by hash"
	@$(INSTALL) -r requirements.lock
	@echo "==> facings itself"
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.setup-dev: requirements-dev.lock .venv/.setup
	@echo "==> tools for tests and lint: requirements-dev.lock, by hash"
	@$(INSTALL) --quiet --progress-bar on -r requirements-dev.lock
	@touch $@
