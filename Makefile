# Commands: "make demo", "make test", "make docs" (the site), "make nightly" (tests that take hours),
# "make lowest" (of these, the oldest versions that setup.py allows). All set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export OMP_NUM_THREADS ?= 1

.PHONY: demo test docs nightly lowest lint venv mutants clean

demo: $(INSTALLED)
	$(BIN)/mmocr-kd demo

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

docs: $(INSTALLED)
	$(BIN)/python -W ignore docs/site/site_pages.py build/pages
	$(BIN)/sphinx-build -q -W --keep-going -c docs/site -d build/doctrees build/pages build/site

nightly: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m nightly

# OLDEST=/path/to/python3.10 where python3.10 is not on the path.
lowest: $(INSTALLED)
	$(BIN)/python -m pytest -s -m nightly tests/packaging/test_lowest.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/mypy

# In a copy, because mutmut keeps its mutants, and what it learnt of the tests, beside the sources.
PART ?= evaluation
MUTANTS := build/mutants/$(PART)
mutants: $(INSTALLED)
	$(BIN)/pip install -q -c constraints.txt mutmut
	mkdir -p $(MUTANTS)
	git ls-files -z | xargs -0 cp --parents -pt $(MUTANTS)
	sed -i 's,/PART\b,/$(PART),' $(MUTANTS)/pyproject.toml
	cd $(MUTANTS) && $(abspath $(BIN))/mutmut run --max-children 2 && \
		$(abspath $(BIN))/mutmut results

venv: $(INSTALLED)

# Written last, so that an interrupted installation is taken up again.
$(INSTALLED): setup.py pyproject.toml constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt setuptools wheel
	$(BIN)/pip install -q -c constraints.txt --no-compile --no-build-isolation -e '.[all]'
	$(BIN)/python -c 'import cv2' 2>/dev/null || $(BIN)/pip install -q -c constraints.txt \
		--force-reinstall --no-deps opencv-python-headless  # no libGL on this machine
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info mmocr_kd/.mim .mypy_cache .ruff_cache .pytest_cache
