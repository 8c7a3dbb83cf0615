# Everything a person runs. Each target sets up what it needs; a second run is quick and offline.
#
#   make serve                     start the server (PORT=8000, DATA=./data, LORALEI_*=...)
#   make test                      run every check
#   TORCH_INDEX, PYTHON            see .ci/setup

.DEFAULT_GOAL := help
.PHONY: help setup serve demo doctor test test-setup bench bench-learning format clean

RUN := .venv/bin
# Settings of the shell must not reach the tests.
PYTEST := env -u LORALEI_PORT -u LORALEI_DATA_DIR $(RUN)/python -m pytest
BENCH := engine many_adapters serving learning_loop
# One of: learning, curation, self_distillation, gate, forgetting, retention, pooled.
PART ?= learning

ifdef PORT
export LORALEI_PORT := $(PORT)
endif
ifdef DATA
export LORALEI_DATA_DIR := $(DATA)
endif

help:  ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup:  ## Make .venv with PyTorch and Loralei
	@.ci/setup

test-setup:
	@.ci/test-tools & .ci/setup dev; result=$$?; wait; exit $$result

serve: setup  ## Start the server (PORT=8000 DATA=./data)
	@exec $(RUN)/loralei serve

demo: setup  ## Show the whole story on the real model
	@exec $(RUN)/loralei demo

doctor: setup  ## Check what this machine has
	@exec $(RUN)/loralei doctor

test: test-setup  ## Run every check
	$(RUN)/ruff check --no-cache
	$(RUN)/ruff format --check
	@.ci/prettier --check
	$(RUN)/mypy
	$(RUN)/lint-imports
# Two workers for two cores. The real model uses both cores itself, so its tests run alone.
	$(PYTEST) -m "not real_model" -n 2 --dist worksteal
	$(PYTEST) -m real_model

bench: test-setup  ## Measure speed and memory on the real model
	@for part in $(BENCH); do $(RUN)/python -m "tests.benchmarks.bench_$$part" || exit 1; done

bench-learning: test-setup  ## Measure learning (EVAL_DATA=... PART=learning SET=--full; see docs/benchmarks.md)
	$(RUN)/python -m tests.benchmarks.bench_$(PART) $(SET)

format: test-setup  ## Format the code
	$(RUN)/ruff check --fix
	$(RUN)/ruff format
	@.ci/prettier --write

clean:  ## Remove what was made here, except the data
	rm -rf .venv .ci/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
