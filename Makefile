# Everything runs in .venv/, made from a hash-checked lock.  `make help` lists the targets.
#
#   PORT=5006        where `make serve` listens
#   DATA=PATH        counts that `make serve` opens instead of the demo (.h5ad, .zarr, 10x)
#   CUDA=1           the GPU build of JAX (Linux, NVIDIA driver for CUDA 13)
#   ARGS="..."       further flags for `panel serve`, pytest or the benchmarks
#   WORKERS=N        processes that share the tests; by default one for each processor, at most 4
#   PYTHON=PATH      the interpreter (>= 3.12) that .venv/ is made from

PORT ?= 5006
DATA ?=
CUDA ?=
ARGS ?=
PYTHON ?=
WORKERS ?= logical

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements$(if $(filter-out 0 no false,$(CUDA)),-cuda).lock
STAMP := $(VENV)/installed-$(LOCK)

ifneq ($(DATA),)
export DATA
endif

# Bytecode is kept, whatever the shell says: each of dozens of processes would compile all anew. It is
# written as modules are first imported, for pip would compile twice as long as it installs.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup serve test test-quick lint format docs bench bench-topics lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile
	@sed -n 's/^#   /  /p' Makefile

setup: $(STAMP) ## create or update .venv/ (CUDA=1: with the GPU build of JAX)

# The stamp comes last, so an interrupted installation is taken up again; where there is
# flock (Linux), two of them at once wait for each other.
$(STAMP): $(LOCK)
	@set -e; found=; mkdir -p .cache; exec 9>.cache/setup.lock; \
	if command -v flock >/dev/null; then flock 9; fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  for python in "$(PYTHON)" python3.12 python3.13 python3.14 python3 python; do \
	    if [ -n "$$python" ] && "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; \
	    then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Logratio needs Python 3.12 or newer with the venv module; none was found." >&2; \
	    echo "Install one (Debian, Ubuntu: the packages python3 and python3-venv), or say where it is: make setup PYTHON=PATH" >&2; \
	    exit 1; \
	  fi; \
	  echo "Creating $(VENV)/ with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV); \
	fi; \
	echo "Installing $(LOCK) into $(VENV)/"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r $(LOCK); \
	touch $@

serve: setup ## open the page on PORT
	@$(BIN)/python -c 'import socket, sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1])))' $(PORT) 2>/dev/null \
	  || { echo "Port $(PORT) is not free. Choose another: make serve PORT=$$(($(PORT) + 1))" >&2; exit 1; }
	@echo "Logratio at http://localhost:$(PORT) (Ctrl-C to stop)"
	@exec $(BIN)/python -m panel serve app.py --warm --port $(PORT) --address localhost \
	  --allow-websocket-origin localhost:$(PORT) --allow-websocket-origin 127.0.0.1:$(PORT) $(ARGS)

# A worker takes a file at a time (tests/conftest.py), so that its fixtures are made once. It has one
# thread of XLA and of BLAS: there are as many workers as processors.
PYTEST := NPROC=1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 \
  $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: setup ## run every check and test, the browser's included
	@$(BIN)/python -m tests.chromium
	@$(PYTEST) $(ARGS)

test-quick: setup ## run the checks and tests that need no browser, no fit and less than half a second
	@$(PYTEST) -m "not browser and not fit and not slow" $(ARGS)

lint: setup ## run the checks of the code and the project only
	@$(BIN)/python -m pytest -q tests/test_project.py $(ARGS)

format: setup ## format the code and mend what ruff can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Sphinx comes on top of what the page needs, and only here.
DOCS_STAMP := $(VENV)/installed-requirements-docs.lock
PICTURES := docs/_images/made

$(DOCS_STAMP): requirements-docs.lock $(STAMP)
	@echo "Installing $< into $(VENV)/"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# Screenshots of the page as it is now. Where there is no Chromium the documentation does without.
$(PICTURES): docs/screenshots.py app.py $(shell find assets dashboard engine -type f -not -name '*.pyc' 2>/dev/null) $(STAMP)
	@if $(BIN)/python -m tests.chromium; then PYTHONPATH=. $(BIN)/python docs/screenshots.py && touch $@; \
	else echo "The documentation is built without screenshots." >&2; fi

docs: $(DOCS_STAMP) $(PICTURES) ## build the documentation into docs/_build/
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -d .cache/doctrees docs docs/_build
	@echo "Open docs/_build/index.html"

bench: setup ## measure speed and scale
	@$(BIN)/python -m benchmarks $(ARGS)

# Apart from .venv/, for they bring gigabytes of PyTorch along.
PEERS := .cache/peers

bench-topics: setup ## score topic models beside those of others, which it installs apart
	@set -e; if [ ! -e $(PEERS)/installed ]; then \
	  echo "Installing the peers into $(PEERS)/"; \
	  $(BIN)/python -m venv --clear $(PEERS); \
	  $(PEERS)/bin/python -m pip install --quiet --upgrade "pip>=25.1"; \
	  $(PEERS)/bin/python -m pip install --quiet --group peers; \
	  touch $(PEERS)/installed; \
	fi
	@$(BIN)/python -m benchmarks.topics --peers $(PEERS)/bin/python $(ARGS)

UV_COMPILE = $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.12 \
  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
RUNTIME := pyproject.toml --group dev

lock: setup ## resolve the locks anew (ARGS=--upgrade: take newer releases)
	@$(BIN)/python -m pip install --quiet uv
	@$(UV_COMPILE) $(RUNTIME) $(ARGS) --output-file requirements.lock
	@$(UV_COMPILE) $(RUNTIME) --extra cuda --constraint requirements.lock --no-annotate --output-file requirements-cuda.lock
	@$(UV_COMPILE) --group docs $(ARGS) --constraint requirements.lock --output-file requirements-docs.lock

clean: ## remove .venv/ and all caches
	@rm -rf $(VENV) .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info docs/_build docs/_images docs/api
	@find app.py assets benchmarks dashboard docs engine tests -name __pycache__ -prune -exec rm -rf {} +
