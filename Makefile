# `make help` lists the commands. Variables to set on the command line:
#   PYTHON=python3.12          the interpreter of .venv (3.10 to 3.12)
#   TORCH_INDEX_URL=https://…  an extra package index for torch, for another CUDA or a CPU build
#   COMFYUI_PATH=~/ComfyUI     your own ComfyUI in place of the one that `make setup` fetches
#   PORT=8188                  where `make comfyui` listens

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
TORCH_INDEX_URL ?=
COMFYUI_PATH ?= .comfyui/ComfyUI
PORT ?= 8188
export COMFYUI_PATH
ifneq ($(COMFYUI_PATH),.comfyui/ComfyUI)
  ifeq ($(wildcard $(COMFYUI_PATH)/main.py),)
    $(error COMFYUI_PATH is '$(COMFYUI_PATH)', where no main.py of ComfyUI is)
  endif
endif

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile
PY_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
STAMPS := $(VENV)/stamps/$(PY_VERSION)
COMFYUI_STAMP := $(STAMPS)/comfyui-$(shell printf %s "$(COMFYUI_PATH)" | cksum | cut -d' ' -f1)
# Requirements of ComfyUI that are not installed from its list: the template packages are large, and torch must stay.
LEFT_OUT := ^(torch|torchvision|torchaudio|comfyui-workflow-templates)([^a-zA-Z]|$$)
# ComfyUI 0.3.75, which is fetched, starts without torchaudio; later versions do not.
COMFYUI_VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' $(COMFYUI_PATH)/comfyui_version.py)
# The build of torch, such as cpu or cu130. A torchaudio of another build does not load.
TORCH_BUILD = $(shell $(BIN)/python -c 'import torch; print(torch.__version__.partition("+")[2])')
TORCH_VERSION = $(shell $(BIN)/python -c 'import torch; print(torch.__version__.partition("+")[0])')
TORCHAUDIO_INDEX = $(or $(TORCH_INDEX_URL),$(if $(filter cpu,$(TORCH_BUILD)),https://download.pytorch.org/whl/cpu))

.PHONY: help setup python system demo comfyui test test-fast test-all lint clean

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: python system  ## install everything: .venv, ComfyUI, a browser for the tests

python: $(STAMPS)/bytecode

system:
	@tests/comfyui/setup/system_packages.sh

$(STAMPS)/venv:
	@case "$(PY_VERSION)" in 3.10|3.11|3.12) ;; *) \
	  echo "HiGen's tests need Python 3.10 to 3.12, but '$(PYTHON)' is '$(PY_VERSION)'. Name another: make PYTHON=python3.12 …" >&2; \
	  exit 1;; esac
	@echo "== Making $(VENV) with Python $(PY_VERSION)"
	$(PYTHON) -m venv --clear $(VENV)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/torch: $(STAMPS)/venv
	@echo "== Installing torch (the largest download of the set-up)"
	$(PIP) $(if $(TORCH_INDEX_URL),--extra-index-url $(TORCH_INDEX_URL)) torch torchvision
	@touch $@

$(STAMPS)/requirements: requirements.txt tests/requirements.txt $(STAMPS)/torch
	@echo "== Installing the pack's requirements and the test tools"
	$(PIP) -r requirements.txt -r tests/requirements.txt
	@touch $@

# pip compiles packages on one core. Some files of packages are no Python, or for another version; pip passes over them too.
COMPILE = $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true

$(STAMPS)/bytecode: $(STAMPS)/requirements $(COMFYUI_STAMP)
	@echo "== Compiling Python files"
	@$(COMPILE)
	@touch $@

$(STAMPS)/requirements-slow: tests/requirements-slow.txt $(STAMPS)/requirements
	@echo "== Installing what only slow tests need"
	$(PIP) -r tests/requirements-slow.txt
	@$(COMPILE)
	@touch $@

.comfyui/ComfyUI/main.py: tests/comfyui/setup/fetch_comfyui.py | $(STAMPS)/venv
	@echo "== Fetching ComfyUI"
	$(BIN)/python tests/comfyui/setup/fetch_comfyui.py .comfyui
	@touch $@

$(COMFYUI_STAMP): $(COMFYUI_PATH)/main.py $(wildcard $(COMFYUI_PATH)/requirements.txt) $(STAMPS)/torch
	@echo "== Installing the requirements of $(COMFYUI_PATH)"
	grep -vE '$(LEFT_OUT)' $(COMFYUI_PATH)/requirements.txt > $(STAMPS)/comfyui-requirements.txt
	$(PIP) -r $(STAMPS)/comfyui-requirements.txt torchsde requests
	$(if $(filter-out 0.3.75,$(COMFYUI_VERSION)),$(INSTALL_TORCHAUDIO))
	@rm -f $(STAMPS)/comfyui-* && touch $@  # each ComfyUI has its own frontend: another one must install it again

# Up to 2.10 a torchaudio works with the torch of its own version only; one since then, with that torch and every later
# one, for which there may be no torchaudio of the same version. Without its dependencies, since torch must stay.
define INSTALL_TORCHAUDIO
	$(PIP) --no-deps $(if $(TORCHAUDIO_INDEX),--extra-index-url $(TORCHAUDIO_INDEX)) "torchaudio<=$(TORCH_VERSION)"
	@$(BIN)/python -c 'import torchaudio' || { \
	  echo "ComfyUI $(COMFYUI_VERSION) needs a torchaudio of the build '$(TORCH_BUILD)' of torch: set TORCH_INDEX_URL to" \
	    "the index that this torch is from, such as https://download.pytorch.org/whl/$(TORCH_BUILD)" >&2; exit 1; }
endef

demo: python  ## make a video from a prompt in a real, headless ComfyUI
	@$(BIN)/python -m tests.comfyui.demo

comfyui: python  ## keep a ComfyUI with this pack running and print its address
	@$(BIN)/python -m tests.comfyui.serve --port $(PORT)

test-fast: python  ## tests of the core and the nodes, without server and browser: under three minutes
	$(call PARALLEL,0) tests/core tests/nodes -m "not slow and not medium"

test: setup  ## every test but the slow ones
	$(call ALL,$(FAST))

test-all: setup $(STAMPS)/requirements-slow  ## every test
	$(call ALL,$(FAST),$(SLOW))

# Each process has one thread, and a server and a browser of its own: $(1) more processes than there are cores, since one
# that waits for its browser needs none, but at most four.
PROCESSES = $(shell $(BIN)/python -c 'import os; print(min(4, os.cpu_count() + $(1)))')
PARALLEL = OMP_NUM_THREADS=1 $(BIN)/pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
FAST = $(call PARALLEL,1) -m "not slow"
SLOW = $(BIN)/pytest -m slow
NODE_TESTS = find tests/web -name '*.test.*js' -print0 | xargs -0 -r node --test
# All parts run, also when one fails.
ALL = @status=0; set -x; $(NODE_TESTS) || status=1; $(1) || status=1; $(if $(2),$(2) || status=1;) exit $$status

lint: setup  ## ruff, pyright and biome
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	npx --yes @biomejs/biome@2 check nodes/web tests/web

clean:  ## remove what set-up, tests and `pip install .` wrote into this folder
	rm -rf $(VENV) .comfyui screenshots build *.egg-info .pytest_cache .ruff_cache .hypothesis
