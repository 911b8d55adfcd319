# `make` alone explains itself. Everything runs in .venv, which `make setup` makes from requirements.lock.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
MINUTES ?= 60
.PHONY: help setup demo test test-fast audit docs faults mutations explore fuzz check format wheel lock gpu bench models clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv from the lock (Python 3.11 to 3.13)

# What is installed knows its folder: a checkout that was moved is installed anew.
ifneq ($(shell cat $(STAMP) 2>/dev/null || echo $(CURDIR)),$(CURDIR))
$(shell rm -rf .venv)
endif

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv --clear .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)"
	$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --editable .
	@echo "$(CURDIR)" > $(STAMP)

demo: $(STAMP) ## Ingest, train and score a small generated archive, then show the answers
	@$(BIN)/reviews demo

# What Python compiles is kept, or every process of the tests would compile it anew.
test test-fast: export PYTHONDONTWRITEBYTECODE =

# What DuckDB parses and plans is many small pieces of memory: where glibc keeps more of them for the next statement, the
# tests use a twentieth less of the processors.
test test-fast: export GLIBC_TUNABLES = glibc.malloc.tcache_count=4096

# Where there is room for the tests' files in memory, they lie there: on a disk, writing them takes a tenth of the time. The
# folders of a test that passed go with it, so that 2 GB are the most. $(call in_memory,KB OF MEMORY,KB OF ITS FILES)
in_memory = $(if $(filter 2,$(shell (awk '/MemAvailable/ && $$2 > $(1)' /proc/meminfo; df -Pk /dev/shm | awk '$$4 > $(2) && /shm/') 2>/dev/null | wc -l)),PYTEST_DEBUG_TEMPROOT=/dev/shm)

# A file's tests share costly fixtures, so they stay in one process; files start in order, the slow ones early. Three
# processes on two cores, since tests wait for servers and commands; a fourth only loads every library once more.
test: $(STAMP) ## Run the tests; those on the real archive where it is at hand
	$(call in_memory,12000000,6000000) $(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

test-fast: $(STAMP) ## Run the tests that start no process, server or browser and train nothing, but for the slow ones (a minute and a half on two cores)
	$(call in_memory,4000000,2000000) $(BIN)/pytest --numprocesses logical --dist loadfile \
		--hypothesis-profile fast -m "not (archive or browser or process or server or slow or training)"

audit: $(STAMP) ## Look for known weaknesses in the code (bandit) and, where its data can be reached, in the lock (pip-audit)
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive reviews flows tasks models data_contracts deployments
	@$(BIN)/pip-audit --disable-pip --require-hashes --progress-spinner off -r requirements.lock > .venv/audit.txt 2>&1 \
		|| ! grep -q "known vulnerabilit" .venv/audit.txt || (cat .venv/audit.txt; false)
	@tail -n 2 .venv/audit.txt

docs: $(STAMP) ## Write what the pages repeat of the code, and the answers of a new demo, into docs and README.md (a minute)
	$(BIN)/python -m docs

faults: $(STAMP) ## Kill commands at every fault point and at 50 random moments (half an hour)
	$(BIN)/python -m tests.faults

mutations: $(STAMP) ## Change the core in small ways, one at a time, and say what share the tests catch (hours; make mutations CORE='tasks.warehouse.commit*')
	$(BIN)/mutmut run $(CORE)
	@$(BIN)/mutmut export-cicd-stats > /dev/null
	@$(BIN)/python -c 'import json; f = json.load(open("mutants/mutmut-cicd-stats.json")); n = f["killed"] + f["timeout"]; print(f"caught: {n} of {n + f[\"survived\"]}; no test reaches {f[\"no_tests\"]} more")'

explore: $(STAMP) ## Use, kill, damage and mend a home in any order for an hour, every promise checked (make explore MINUTES=10)
	$(BIN)/python -m tests.explore $(if $(SEED),--seed $(SEED),--minutes $(MINUTES))

fuzz: $(STAMP) ## Read mutated files of every format until something breaks, for an hour (make fuzz MINUTES=10 SEED=1)
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

check: $(STAMP) ## Check format, lint, strict types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit/test_house.py

format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

wheel: $(STAMP) ## Build dist/review_ratings-VERSION-py3-none-any.whl, to be installed without a checkout
	$(BIN)/uv build --quiet --wheel --out-dir dist .

# What an extra adds to requirements.lock, in a lock of its own: $(call lock_more,EXTRA). What was locked stays so.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url
lock_more = cat requirements.lock requirements-$(1).lock > .venv/$(1).lock \
	&& $(COMPILE) --extra $(1) --constraint requirements.lock pyproject.toml -o .venv/$(1).lock && awk \
	'NR == FNR { locked[$$0]; next } /^[^ ]/ { more = !($$0 in locked) } more' requirements.lock .venv/$(1).lock > requirements-$(1).lock
install_more = $(BIN)/uv pip install --quiet --require-hashes --no-deps --python $(BIN)/python -r requirements-$(1).lock

lock: $(STAMP) ## Renew requirements.lock from pyproject.toml, and what the extra gpu adds
	$(COMPILE) --extra dev pyproject.toml -o requirements.lock
	$(call lock_more,gpu)

gpu: $(STAMP) ## Install TensorFlow's CUDA libraries into .venv, so that `reviews train` can use an NVIDIA GPU (Linux, 4 GB)
	$(call install_more,gpu)

bench: $(STAMP) ## Measure speed beside other tools on the real archive, into docs/performance.md (two hours)
	$(BIN)/python -m benchmarks.all

models: $(STAMP) ## Train what is missing of all variants on the real archive, three seeds each, into docs/models.md
	$(BIN)/python -m benchmarks.models --train

clean: ## Remove .venv, caches and the demo's data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info data/demo
