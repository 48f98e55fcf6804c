# Everything works from a bare checkout: each target installs what it needs into .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet

.PHONY: help demo examples programs quick test coverage nightly lint format docs docs-check commands wheel bench clean
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

help:
	@echo "make demo         draw synthetic radiographs, classify, sort and check them"
	@echo "make quick        unit tests, about a minute"
	@echo "make test         all tests; make coverage also measures their coverage"
	@echo "make programs     install what some tests need besides (Debian, as root; part of make test)"
	@echo "make nightly      long fuzzing and fault injection (an hour)"
	@echo "make lint         ruff and mypy; make format mends what ruff can mend"
	@echo "make docs         build the documentation site into site/; make docs-check is quicker"
	@echo "make commands     regenerate docs/commands.md"
	@echo "make examples     re-run the notebooks of examples/"
	@echo "make wheel        build, check and try the wheel"
	@echo "make bench        compare the speed with other tools (installs those)"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[test]'
	touch $@ $(VENV)/.base

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[docs]'
	touch $@

$(VENV)/.release: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[release]'
	touch $@

# torchxrayvision requires torchvision, which the part that is timed does not use: hence --no-deps.
$(VENV)/.bench: benchmarks/requirements.txt $(VENV)/.test
	$(PIP) --editable '.[test]' -r benchmarks/requirements.txt
	$(PIP) --no-deps 'torchxrayvision>=1.5'
	touch $@

demo: $(VENV)/.base
	rm -rf demo
	$(BIN)/cxrview phantom -n 60 -o demo/phantoms
	$(BIN)/cxrview classify demo/phantoms -o demo/views.csv --sheet demo/sheet.png \
		--review-list demo/review.csv --copy-into demo/sorted --upright
	$(BIN)/python tools/demo_summary.py demo
	@echo "For your own images: $(BIN)/cxrview classify FOLDER -o views.csv"

quick: $(VENV)/.test
	CI=true $(BIN)/python -m pytest --numprocesses auto --dist loadgroup -m 'not slow'

programs:
	tools/install_test_programs.sh

test: $(VENV)/.test programs
	CI=true $(BIN)/python -m pytest --numprocesses auto --dist loadgroup

# Apart from `make test`: an interrupt that reaches a process inside the tracer can lock it for ever.
coverage: $(VENV)/.test programs
	CI=true $(BIN)/python -m pytest --numprocesses auto --dist loadgroup \
		--cov --cov-report=term --cov-fail-under=90

nightly: $(VENV)/.test
	$(BIN)/python benchmarks/fuzz_readers.py --inputs 200000 --jobs 2
	$(BIN)/python benchmarks/kill_bulk.py
	$(BIN)/cxrview phantom -n 200 -o runs/nightly
	$(BIN)/python benchmarks/kill_training.py runs/nightly/labels.csv

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

commands: $(VENV)/.base
	$(BIN)/python tools/command_reference.py

examples: $(VENV)/.test
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter execute --inplace examples/*.ipynb

docs-check: $(VENV)/.test
	$(BIN)/python -m pytest tests/test_docs.py

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

wheel: $(VENV)/.release
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	rm -rf dist/venv
	$(PYTHON) -m venv dist/venv
	dist/venv/bin/python -m pip install --quiet dist/*.whl
	cd dist && venv/bin/cxrview phantom -n 4 -o phantoms && venv/bin/cxrview classify phantoms
	rm -rf dist/venv dist/phantoms

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf $(VENV) demo runs site dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
