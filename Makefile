# Everything starts here; `make` alone lists what there is.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help setup demo airflow test lint wheels bench clean

help:
	@echo 'make demo      a night on a year of real purchases, and a look at what came out'
	@echo 'make airflow   Airflow on this machine with the DAGs of Daybreak: http://127.0.0.1:8080, with a login'
	@echo 'make test      lint, types, import rules and all tests'
	@echo 'make bench     Daybreak beside its peers, one table of ratios, some 15 minutes; KEEP=1: the ratios to commit'
	@echo 'make wheels    both distributions, built, installed and tried: lookup alone, and a small night'
	@echo 'make lint      lint, types and import rules alone'
	@echo 'make setup     the virtual environment .venv alone; the others make it when they need it'
	@echo 'make clean     remove what the others made, .venv included'
	@echo
	@echo 'make PYTHON=python3.12 …            with another Python than python3'
	@echo "PIP_EXTRA_INDEX_URL=… make …        with the address of PyTorch's index of CPU builds: without the gigabytes"
	@echo '                                    that torch brings for GPUs'

setup: $(READY)

$(READY): pins.txt pyproject.toml lookup/pyproject.toml jobs/ranking/scan/kernel.cpp jobs/models/squares.cpp \
          jobs/models/content/int8/kernel.cpp
	@.ci/system-packages $(PYTHON)
	@echo 'setup: .venv, a virtual environment with the versions of pins.txt; this takes some minutes'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 -r pins.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable lookup --editable .
	@touch $@
	@echo 'setup: done'

demo: $(READY)
	@$(BIN)/python -m jobs.demo

airflow: $(READY)
	@$(BIN)/python -m jobs.demo.airflow

test: lint
	@.ci/tests $(BIN)/pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheels: $(READY)
	@.ci/wheels $(BIN)/python

bench: $(READY)
	@$(BIN)/python -m tests.benchmarks peers $(if $(KEEP),--keep)

clean:
	@test ! -d .demo || chmod -R u+w .demo # releases are read-only
	rm -rf .venv .demo .airflow build dist jobs/infra/compiled/*.so *.egg-info lookup/build lookup/*.egg-info .*_cache .hypothesis .benchmarks spark-warehouse
