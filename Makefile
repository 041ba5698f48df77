# `make` lists what can be done here. Everything happens inside .venv; nothing else on the machine is changed.

PYTHON ?= python3
BIN    := .venv/bin
WORKERS ?= 2
ARGS   ?=

UV_INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python
UV_LOCK    := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help demo run test check fix bench lock build clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: .venv/.base ## tell the whole story in the terminal: an alert, a page, an escalation, an answer
	$(BIN)/tocsin demo $(ARGS)

run: .venv/.base ## start the server on this machine, with its own database
	$(BIN)/tocsin serve $(ARGS)

test: .venv/.dev ## run the tests that this machine can run (ARGS="-k name" narrows)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

check: .venv/.dev ## style, types, walls, house rules, statements, migrations, spelling, dependencies, dead code
	@failed=; run() { echo "- $$*"; "$(BIN)/$$@" || failed="$$failed $$1"; }; \
	run ruff check --quiet; \
	run ruff format --check --quiet; \
	run typos; \
	run mypy; \
	run lint-imports --no-logo; \
	run deptry src; \
	run vulture; \
	run squawk src/tocsin/store/migrations/*.sql; \
	run python -m pytest --quiet tests/house tests/store/test_statements.py; \
	if [ -n "$$failed" ]; then echo "make check: not in order:$$failed" >&2; exit 1; fi; \
	echo 'make check: in order'

fix: .venv/.dev ## repair what can be repaired by a tool: format, imports, spelling
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/typos --write-changes

bench: .venv/.base ## print every performance figure beside its ceiling, measured now
	$(BIN)/tocsin bench $(ARGS)

lock: .venv/.base ## write requirements/*.txt anew from pyproject.toml: exact versions, hashes, no addresses
	echo uv | $(UV_LOCK) --upgrade - --output-file requirements/uv.txt
	$(UV_LOCK) --upgrade pyproject.toml --output-file requirements/base.txt
	$(UV_LOCK) --upgrade --group build --constraint requirements/base.txt --output-file requirements/build.txt
	$(UV_LOCK) --upgrade pyproject.toml --group dev --constraint requirements/base.txt --constraint requirements/build.txt --output-file requirements/dev.txt
	@if grep -nE '://|index-url|find-links' requirements/*.txt; then echo 'a lock names an address: remove it' >&2; exit 1; fi

build: .venv/.dev ## make the wheel and the sdist in dist/
	rm -rf dist
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist

clean: ## remove everything that can be made again
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Tocsin needs Python 3.11 or newer: make PYTHON=python3.12 …' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	  echo 'This Python cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m venv --clear --without-pip .venv
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; then installer=$(BIN)/python; else installer='$(PYTHON)'; fi; \
	  $$installer -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.base: .venv/.uv requirements/base.txt requirements/build.txt pyproject.toml src/tocsin/__init__.py
	@echo 'installing what Tocsin needs into .venv'
	@$(UV_INSTALL) --require-hashes -r requirements/base.txt -r requirements/build.txt
	@$(UV_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.base requirements/dev.txt
	@echo 'installing the tools of the tests and checks into .venv'
	@$(UV_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@
