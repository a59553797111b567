# make demo | run | test | check | bench | clean. Needs Python 3.11 or newer; everything else goes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo run test check bench clean

demo: $(VENV)/.installed
	$(BIN)/voicebot demo

run: $(VENV)/.installed
	$(BIN)/voicebot run -c config.yaml

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m flake8_async --startable-in-context-manager=run,run_worker,serve_web $$(find voicebot tests -name "*.py")
	$(BIN)/mypy

bench: $(VENV)/.installed
	@command -v gcc >/dev/null || { echo "make bench needs gcc: it compares with an echo server in C" >&2; exit 3; }
	@# All of it is measured, whatever a part of it misses.
	@failed=0; \
	$(BIN)/python -m tests.bench || failed=$$?; \
	$(BIN)/voicebot bench turns || failed=$$?; \
	exit $$failed

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp files make the second time instant; a change of the dependencies installs again.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("voicebot needs Python 3.11 or newer; name it: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -e . -c constraints.txt
	@touch $@

# An old pip knows no --group, so the list is read from pyproject.toml.
$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -c constraints.txt $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"])')
	@touch $@
