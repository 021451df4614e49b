# Two commands: `make study` runs the study and `make test` the tests; both set up .venv first, once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study full test test-slow lab
study: .venv/installed
	$(BIN)/guidance-bench study digits

full: .venv/installed
	$(BIN)/guidance-bench study digits --full

test: .venv/installed
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

# before a release: what takes minutes too, and every shape that is written in a signature is checked
test-slow: .venv/installed
	$(BIN)/python -m pytest -m 'slow or not slow' -n auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder \
		--timeout=1200 --jaxtyping-packages=guidance,classifiers,analysis,beartype.beartype

lab: .venv/installed
	$(BIN)/jupyter lab analysis/notebooks

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "guidance-bench needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@echo "installing into .venv: about 6 GB, a few minutes"
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev,notebooks]'
	touch $@
