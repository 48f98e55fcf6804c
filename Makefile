# Everything from a bare checkout: `make demo` and `make test` install what they need into .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint format bench clean
.DELETE_ON_ERROR:

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/.base

# torchxrayvision asks for torchvision, which what is timed of it does not need: hence --no-deps.
$(VENV)/.bench: benchmarks/requirements.txt $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[test]' -r benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps 'torchxrayvision>=1.5'
	touch $@

demo: $(VENV)/.base
	rm -rf demo
	$(BIN)/cxrview phantom -n 24 -o demo/phantoms
	$(BIN)/cxrview classify demo/phantoms -o demo/views.csv --sheet demo/sheet.png
	$(BIN)/cxrview classify demo/phantoms
	@echo "The contact sheet is demo/sheet.png. For your own films: $(BIN)/cxrview classify FOLDER"

test: $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses auto --dist loadgroup --cov --cov-report=term --cov-fail-under=90

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf $(VENV) demo runs .coverage* .mypy_cache .ruff_cache .pytest_cache
