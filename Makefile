# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format notebooks docs bench release lock clean

help:  ## show what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed; set PYTHON=python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(READY)  ## install everything, pinned, into .venv

demo: $(READY)  ## read the example article: statements, speakers, labels, probabilities
	$(BIN)/stance analyze examples/lake-truce.txt
	$(BIN)/stance analyze examples/lake-truce.txt --format html --out examples/lake-truce.html

test: $(READY)  ## run all tests, notebooks included
	$(BIN)/python -m pytest

check: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(READY)  ## run the notebooks from clean kernels and keep them as HTML in runs/notebooks
	$(BIN)/jupyter nbconvert --to html --execute --output-dir runs/notebooks notebooks/*.ipynb

docs: $(READY)  ## build the site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(READY)  ## measure speed and memory beside a plain transformers pipeline
	$(BIN)/python scripts/benchmark.py

release: $(READY)  ## make stance/weights again: train, evaluate, write the model card (docs/training.md says what it needs)
	$(BIN)/python scripts/release.py configs/release.yaml

lock: $(READY)  ## write requirements.lock from what is installed
	$(BIN)/pip freeze --exclude negotiation-stance | sed 's/+cpu$$//' > requirements.lock

clean:  ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
