# Each target sets up what it needs in .venv; a later run installs again only when pyproject.toml or constraints.txt changed.
PYTHON ?= python3
BIN := .venv/bin
DEMO := .venv/installed-demo
DEV := .venv/installed-dev
NOTEBOOK := .venv/installed-notebook
ENGINES := .venv/installed-engines

.DEFAULT_GOAL := help
.PHONY: help demo test coverage test-engines check format docs claims notebook clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO) ## train on emoji, compare with a plain baseline, write demo-output/
	$(BIN)/steradian demo --out demo-output

test: $(DEV) ## run the quick tests in two processes; ARGS="tests/data -k split" runs a part
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

coverage: $(DEV) ## run the quick tests and print the share of src that they run, at least 95 %; half as long again
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow" --cov --cov-report=term --cov-fail-under=95

test-engines: $(DEV) ## run the slow tests, and tests/engines, whose heavy packages are installed first
	@test $(ENGINES) -nt pyproject.toml -a $(ENGINES) -nt constraints.txt || { \
	    echo 'Installing the engines into .venv, in ten minutes at most.'; \
	    timeout 600 $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[engines]' \
	        && touch $(ENGINES) || echo 'Not all engines could be installed: tests of the others are skipped.'; }
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/engines
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m slow

check: $(DEV) ## format, lint, types, tests, docs: all that a change must pass
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory test docs

format: $(DEV) ## format the code and fix what the linter can fix
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

docs: $(DEV) ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

claims: $(NOTEBOOK) ## write docs/claims.md's verdicts and the notebook again, from benchmarks/results
	$(BIN)/python -m benchmarks verdicts
	$(MAKE) notebook

notebook: $(NOTEBOOK) ## run examples/claims.ipynb and keep what it shows in it; takes some minutes
	OMP_NUM_THREADS=1 $(BIN)/jupyter nbconvert --to notebook --execute --inplace --log-level WARN \
	    --ExecutePreprocessor.record_timing=False examples/claims.ipynb

clean: ## remove .venv and all that was made
	rm -rf .venv build demo-output dist site htmlcov .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO): EXTRAS := demo
$(DEV): EXTRAS := demo,dev
$(NOTEBOOK): EXTRAS := demo,notebook
$(DEMO) $(DEV) $(NOTEBOOK): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "steradian needs Python 3.11 or newer, and '$(PYTHON)' is not. Name one, as in: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	    exit 1; }
	@echo 'Installing steradian and what it needs into .venv. This takes some minutes, once.'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $(DEMO) $@
