# Two commands on a fresh machine: `make demo`, `make test`. Everything else: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := $(CURDIR)/demo
# The user's settings once there is an .env, else those of the demo.
ENV_FILE := $(if $(wildcard .env),$(CURDIR)/.env,$(DEMO)/.env)
INSTANCE := hand100m_assets/templates/dagster.yaml   # copied into DAGSTER_HOME, where Dagster reads it
DAGSTER_HOME ?= $(if $(wildcard .env),$(CURDIR)/.dagster_home,$(DEMO)/dagster_home)
IN_USE = HAND100M_ENV_FILE=$(ENV_FILE) DAGSTER_HOME=$(DAGSTER_HOME)
IN_DEMO = HAND100M_ENV_FILE=$(DEMO)/.env DAGSTER_HOME=$(DEMO)/dagster_home
PORT ?= 3000
EXPLORE ?=
TEST_PROCESSES ?= 3   # tests of daemons and servers mostly wait: 3 keep 2 cores busy
# The longest is begun first, so that nothing waits for it in the end.
INTEGRATION := $(sort $(wildcard hand100m_assets_tests/integration/test_*.py))
LONGEST := hand100m_assets_tests/integration/test_server.py

.DEFAULT_GOAL := help
.PHONY: help demo settings dev check-data test test-quick explore check format docs bench bench-video bench-annotations bench-mining bench-orchestration bench-grid bench-training lock clean

##@ Use
help: ## this list
	@awk -F':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3,10) <= sys.version_info < (3,14))' || \
		{ echo "Python 3.10 to 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test,check]'
	@touch $@

# Asked before anything is made: `hand100m sample` takes a demo folder with something else in it for somebody's data.
settings:
	@test -f $(ENV_FILE) || { echo "No .env and no demo yet: run 'make demo', or copy .env.example to .env"; exit 2; }

$(DAGSTER_HOME)/dagster.yaml: $(INSTANCE) | settings
	@mkdir -p $(@D) && cp $< $@

demo: $(STAMP) ## make a miniature Hand100M, run the whole preparation on it, say where the grids are
	$(BIN)/hand100m sample $(DEMO)
	@mkdir -p $(DEMO)/dagster_home && cp $(INSTANCE) $(DEMO)/dagster_home/
	$(IN_DEMO) $(BIN)/python -m hand100m_assets.headless.catch_up
	@echo "Open the UI on these results: make dev    (then http://localhost:$(PORT))"

dev: settings $(STAMP) $(DAGSTER_HOME)/dagster.yaml ## the Dagster UI and daemon, on your .env or else on the demo
	@$(IN_USE) $(BIN)/dagster instance concurrency set extraction 1 >/dev/null
	$(IN_USE) VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/python -m hand100m_assets.headless.dev --port $(PORT)

check-data: settings $(STAMP) $(DAGSTER_HOME)/dagster.yaml ## asset checks on your data; exit status 1 on an error, for CI
	$(IN_USE) $(BIN)/python -m hand100m_assets.headless.check_data

##@ Develop
test: $(STAMP) ## all tests
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) hand100m_assets_tests/unit hand100m_assets_tests/defs
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(LONGEST) $(filter-out $(LONGEST), $(INTEGRATION))

test-quick: $(STAMP) ## unit tests only, a few minutes
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) hand100m_assets_tests/unit

explore: $(STAMP) ## random streams and damaged files (EXPLORE=... for its options), then property tests on new examples (an hour)
	@# Both run, whatever the first finds; the exit status is the worse of the two.
	@status=0; trap 'exit 130' INT; trap 'exit 143' TERM; \
	$(BIN)/python -m hand100m_assets_tests.explore $(EXPLORE) || status=$$?; \
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --hypothesis-profile explore hand100m_assets_tests/unit || \
		{ tests=$$?; test $$tests -le $$status || status=$$tests; }; \
	exit $$status

check: $(STAMP) ## lint, words, types, definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m hand100m_assets_tests.wording
	$(BIN)/mypy
	@home=$$(mktemp -d) && cp $(INSTANCE) $$home && trap "rm -rf $$home" EXIT && \
		DAGSTER_HOME=$$home HAND100M_DATA_ROOT=/nowhere VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/dg check defs

format: $(STAMP) ## rewrite the code in the house style
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

$(VENV)/.docs: $(STAMP)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(VENV)/.docs ## the guide, the reference and the decisions as pages in site/
	@# Not with --quiet: it takes warnings away from --strict, too.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html. The search needs a server: $(BIN)/python -m http.server -d site"

##@ Measure
bench: $(STAMP) ## time and memory beside what a user would pick instead (half an hour)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks

bench-video: $(STAMP) ## the same for frames of videos only (half an hour)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks --only video

bench-annotations: $(STAMP) ## the same for annotation files of 50k, 500k and 1m hands (half an hour, 8 GB of /tmp)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks --only annotations --sizes 50k 500k 1m

bench-mining: $(STAMP) ## the same for mining 50k, 200k and 1m hands (a quarter of an hour)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks --only mining --sizes 50k 200k 1m --rounds 1

bench-orchestration: $(STAMP) ## sensors, schedule and batches on 37,000 videos (HAND100M_REFERENCE_DIR: folder of the real lists)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks --only orchestration

bench-grid: $(STAMP) ## the same for the pictures of a set (two minutes)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks --only grid

bench-training: $(STAMP) ## the same for loading training samples of 1m hands (half an hour, 4 GB of /tmp, 16 GB of memory)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks --only training --sizes 1m --rounds 3

##@ Maintain
lock: ## resolve constraints.txt anew for Python 3.10 to 3.13 (needs uv)
	uv pip compile --universal --python-version 3.10 --extra test --extra bench --extra check --extra docs --upgrade pyproject.toml -o constraints.txt -q

clean: ## remove the demo, the pages and the environment
	rm -rf $(DEMO) site $(VENV)
