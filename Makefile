# Darkroom's only entry: every target sets up what it needs and does only what is left to do.

# The interpreter of the environment: the first of these that TensorFlow has wheels for, or what PYTHON names.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c "$(FITS)" 2>/dev/null && echo $(name))))
VENV := .venv
# Everything below runs the environment's own tools, whatever is active in the caller's shell.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
READY := $(VENV)/.ready
PAGE := .dvc/plots/page.html
UV_VERSION := 0.13.8
PYTEST := python -m pytest --numprocesses 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help repro test test-slow test-weekly mutants verify check format lock bench results clean

help:  ## list the targets
	@grep -E '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z%-]+):.*## */\1|/' | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

# --compile-bytecode must come with the first install: without .pyc files TensorFlow takes twice as long to import.
# The second install adds the project itself; the lock already holds what that needs, so nothing more is fetched.
$(READY): requirements.txt pyproject.toml
	@test -x $(VENV)/bin/python || "$(PYTHON)" -c "$(FITS)" 2>/dev/null || { \
		echo "Darkroom needs Python 3.11, 3.12 or 3.13, and $(or $(PYTHON),python3) is" \
		"$$($(or $(PYTHON),python3) --version 2>&1); name another: make repro PYTHON=python3.12" >&2; exit 1; }
	@test -x $(VENV)/bin/uv || echo "setting up $(VENV): some 2 GB, a minute or two"
	@test -x $(VENV)/bin/python || "$(PYTHON)" -m venv $(VENV)
	@test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	uv pip install --quiet --compile-bytecode --require-hashes --requirements requirements.txt
	uv pip install --quiet --compile-bytecode --no-deps --no-build-isolation --editable .
	@touch $@

# The page of `dvc plots` with its code inside, so that it opens offline; config.local and the page are both ignored by git.
$(PAGE): src/darkroom/plots_page.py src/darkroom/plots_page.html | $(READY)
	@python -m darkroom.plots_page $@
	@test -n "$$(dvc config plots.html_template)" || dvc config --local plots.html_template plots/page.html

repro: $(READY) $(PAGE)  ## set up, then run the pipeline: only the stages whose inputs changed
	dvc repro

test: $(READY)  ## set up, then run the quick tests
	$(PYTEST) -m "not slow"

test-slow: $(READY)  ## set up, then run the tests that take minutes
	$(PYTEST) --no-loadscope-reorder -m "slow and not weekly"

test-weekly: $(READY)  ## set up, then run the further cases of those tests: other recipes, backends, CPUs, kinds of damage
	$(PYTEST) --no-loadscope-reorder -m weekly

mutants: $(READY)  ## spoil the code of a room, a line at a time, and show what its tests miss: ROOM=split SAMPLE=60
	python .ci/mutants.py $(ROOM) --sample $(or $(SAMPLE),0)

verify: $(READY)  ## run the last commit again from nothing, elsewhere, and compare every byte with dvc.lock
	darkroom verify

check: $(READY)  ## formatting, lint and types
	ruff format --check .
	ruff check .
	mypy

format: $(READY)  ## let ruff rewrite what it can
	ruff format .
	ruff check --fix .

# Nothing that the extras need may differ from what requirements.txt pins, so that they can be added to an environment.
LOCKED := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" --quiet
EXTRAS := torch jax dask ray heif parquet lite ssh s3 moto
lock: $(READY)  ## pin pyproject.toml's dependencies, with hashes, into requirements.txt and requirements-extras.txt
	$(LOCKED) pyproject.toml --extra dev --output-file requirements.txt
	python -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
		print(*(line for name in "$(EXTRAS)".split() for line in extras[name]), sep="\n")' \
		| $(LOCKED) - --constraint requirements.txt --output-file requirements-extras.txt

# What the lock of the extras pins goes with what requirements.txt has: the second is a constraint of the first.
extra-%: $(READY)  ## install an optional extra: extra-torch, extra-jax, extra-dask, extra-ray, extra-heif, extra-lite, extra-ssh, extra-s3
	uv pip install --quiet --compile-bytecode --constraint requirements.txt --constraint requirements-extras.txt \
		--no-build-isolation --editable '.[$*]'

bench: $(READY)  ## run the benchmarks behind the performance claims (on an otherwise idle machine)
	for file in $(filter-out benchmarks/abstain.py benchmarks/audit.py benchmarks/pseudo_labels.py benchmarks/results.py benchmarks/learning_curve.py,$(wildcard benchmarks/*.py)); do python $$file || exit 1; done

results: $(READY)  ## run every recipe on real photos, thrice, and write docs/results.md and docs/learning-curve.md (hours, on an idle machine)
	python benchmarks/results.py
	python benchmarks/learning_curve.py

clean:  ## remove the environment and everything the pipeline made; DVC's cache stays
	rm -rf $(VENV) data/raw data/images data/split data/predictions models plots/figures plots/report.html \
		plots/test_images.html dvc_plots .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
