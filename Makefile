# `make study` runs the study, `make test` lint, types and tests, `make docs` the pages; each sets up .venv first, once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study full lint types test test-slow pages notebooks docs lab
study: .venv/installed
	$(BIN)/guidance-bench study digits

full: .venv/installed
	$(BIN)/guidance-bench study digits --full

lint: .venv/installed
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet

types: .venv/installed
	$(BIN)/mypy

test: .venv/installed lint types
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

# before a release: what takes minutes too, and every shape that is written in a signature is checked
test-slow: .venv/installed
	$(BIN)/python -m pytest -m 'slow or not slow' -n auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder \
		--timeout=1200 --jaxtyping-packages=guidance,classifiers,analysis,beartype.beartype

# the tables of README and docs, out of the committed results
pages: .venv/installed
	$(BIN)/python -m analysis.pages

# site/index.html: guides, results and the reference out of the docstrings; read from the disk, no network needed
docs: .venv/installed
	$(BIN)/mkdocs build --strict --quiet

# root, as in a container, is refused by Jupyter unless it is allowed
lab: .venv/installed
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) analysis/notebooks

# the outputs that are committed: every notebook executed on docs/results, when a source or a table has changed
notebooks: .venv/installed
	$(BIN)/python -m analysis.notebooks.execute

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "guidance-bench needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@echo "installing into .venv: about 6 GB, a few minutes"
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev,docs,notebooks,images,checkpoints,features,diffusers,cluster]'
	$(BIN)/pip install --quiet --no-deps -c constraints.txt cffconvert # for the schema of CITATION.cff; its own pins are older than Jupyter's
	touch $@
