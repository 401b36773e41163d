# What a person types. `make` alone says what there is; README.md says what you see then.
PYTHON ?= python3
SEED ?=
LETTERS ?= 5000
INPUTS ?= 1000000
SCHEDULES ?= 100000
TIMES ?= 20
STATE ?= var
PYTEST ?= .venv/bin/python -m pytest
ENV := .venv/.made

# The tests start hundreds of processes; without compiled files each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help env run test check bench siege chaos cluster fuzz prove lock

help: ## Say what there is.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

env: $(ENV) ## Make .venv from requirements.lock; nothing to do when it is up to date.

# pip checks every file against the hashes of the lock. The project itself is installed as it lies here.
$(ENV): requirements.lock pyproject.toml
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@echo "installing what requirements.lock names into .venv (a minute or two the first time)"
	@.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

run: $(ENV) ## Everything on this machine: nats-server, the four services, a demo agency. Ctrl-C ends it.
	@.venv/bin/saraban up --state $(STATE)

# The Node subscriber of the README and a Node mail client are run by tests; without npm those are skipped (and fail in CI).
NODE := deploy/examples/node_modules/.package-lock.json tests/clients/node_modules/.package-lock.json
$(NODE): %/node_modules/.package-lock.json: %/package-lock.json
	@if command -v npm >/dev/null; then cd $* && npm ci --silent --no-audit --no-fund && touch node_modules/.package-lock.json; \
	else echo "npm is missing: $* will not be tested"; fi

test: $(ENV) $(NODE) ## Every test. Three at a time, also on two processors: half of their time they wait.
	@$(PYTEST) -n 3 --dist worksteal -q

check: $(ENV) ## Format, lint, types, imports, generated contracts, fast tests: under a minute.
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/mypy
	@$(PYTEST) -n 2 -q -m "not slow" tests/unit tests/contracts tests/smtp

bench: $(ENV) ## Measure, side by side with what we compare ourselves to. Takes minutes; run it on a quiet machine.
	@.venv/bin/python -m tests.bench

siege: $(ENV) ## 10,000 idle connections, 200 slow ones and 50 large letters at once, with the shipped defaults.
	@.venv/bin/python -m tests.bench.siege

chaos: $(ENV) ## Kill everything at random while letters arrive, then audit and rebuild. SEED=, LETTERS=.
	@.venv/bin/python -m tests.chaos --letters $(LETTERS) $(if $(SEED),--seed $(SEED))

cluster: $(ENV) ## Three nats-servers, each fault TIMES times under load; then the year's switch. SEED=, TIMES=.
	@.venv/bin/python -m tests.cluster --times $(TIMES) $(if $(SEED),--seed $(SEED))
	@.venv/bin/python -m tests.cluster.year $(if $(SEED),--seed $(SEED))

fuzz: $(ENV) ## A million hostile inputs to the ingress, each answer judged: some minutes. SEED=, INPUTS=.
	@.venv/bin/python -m tests.fuzz --inputs $(INPUTS) $(if $(SEED),--seed $(SEED))

prove: $(ENV) ## The register's core under 100,000 schedules of crashes, delays and races, on all processors. SCHEDULES=.
	@.venv/bin/python -m tests.simulator --schedules $(SCHEDULES)

lock: $(ENV) ## Renew requirements.lock (it holds names, versions and hashes; no addresses).
	@.venv/bin/uv pip compile --quiet --no-config --upgrade --universal --generate-hashes --no-emit-index-url pyproject.toml --extra dev -o requirements.lock
