# Everything a reader or a maintainer runs. Needs Python 3.11 to 3.13 with venv.
# Another Python than `python3`: make lab PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
# Extra options, for instance: make lab ARGS="--no-browser --port=9000"
#                              make test ARGS="-k layers"
#                              make lessons ARGS="02_predicting_a_gradient"
ARGS ?=
# With GPU=1 the CUDA libraries that TensorFlow needs are added (Linux alone).
GPU ?=

# Windows venvs keep their programs in Scripts; make there comes with Git Bash.
ifeq ($(OS),Windows_NT)
PY := $(VENV)/Scripts/python.exe
else
PY := $(VENV)/bin/python
endif
AGAIN := Then give the same command again.
PIP := $(PY) -m pip --disable-pip-version-check --no-input
# Whole files, in the order of conftest.py: the longest first. Browsers, clusters
# and links often wait, so three keep two cores busy.
THREE_AT_A_TIME := -n 3 --dist loadfile --no-loadscope-reorder

# Four stamps: a new lock remakes the environment from nothing, a change of
# pyproject.toml only installs the package again, which takes seconds, and CUDA
# libraries, or what makes the site, are added to what is there.
LOCKED := $(VENV)/locked.stamp
READY := $(VENV)/ready.stamp
CUDA := $(if $(GPU),$(VENV)/cuda.stamp)
SPHINX := $(VENV)/site.stamp

.DEFAULT_GOAL := help
.PHONY: help lab test portable lessons site slides doctor lock clean

# A folder that is moved takes along a .venv that names the old place, and a
# Python that is removed leaves one that cannot start.
ifneq ($(wildcard $(LOCKED)),)
STATE := $(shell $(PY) -I setup/moved.py state 2>/dev/null || echo broken)
endif
ifeq ($(STATE),broken)
.PHONY: $(LOCKED)
else ifeq ($(STATE),moved)
.PHONY: $(READY)
endif

help:
	@echo "make lab      set up if needed, then open the lessons in JupyterLab"
	@echo "              (make lab GPU=1: with what TensorFlow needs for a GPU)"
	@echo "make test     set up if needed, then run every check that CI runs"
	@echo "make portable run the tests as processors of other kinds would"
	@echo "make doctor   say what was found on this machine and what is wrong"
	@echo "make lessons  run all lessons afresh and store their outputs"
	@echo "make site     make a site of all lessons in build/site"
	@echo "make slides   make slides of all lessons in build/slides"
	@echo "make lock     write all locks again (maintainers, needs uv)"
	@echo "make clean    remove .venv and everything else that make created"

lab: $(READY) $(CUDA)
	@$(PY) -m dni_lesson lab $(ARGS)

doctor: $(READY) $(CUDA)
	@$(PY) -m dni_lesson doctor

test: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pytest $(THREE_AT_A_TIME) $(ARGS)

portable: $(READY)
	@$(PY) tests/portable.py $(ARGS)

lessons: $(READY)
	$(PY) tests/lessons.py $(ARGS)

# From nothing each time, which takes less than a minute: a page that is gone
# must not be found. Nothing is executed, and a warning is an error.
site: $(READY) $(SPHINX)
	@rm -rf build/site build/doctrees build/jupyter_execute
	@$(PY) -m sphinx --quiet --fail-on-warning --keep-going \
	  -c docs -d build/doctrees . build/site
	@$(PY) docs/check.py build/site
	@echo "Open build/site/index.html in a browser."

slides: $(READY) $(SPHINX)
	@rm -rf build/slides
	@$(PY) docs/slides.py build/slides
	@$(PY) docs/check.py build/slides

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; print("Python %d.%d.%d" % sys.version_info[:3])' \
	  || { echo "'$(PYTHON)' does not run. Install Python 3.11, 3.12 or 3.13."; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "dni_lesson needs Python 3.11, 3.12 or 3.13 (see above for" \
	  "the version of '$(PYTHON)'). Name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "'$(PYTHON)' lacks venv. On Debian and Ubuntu:" \
	  "apt-get install python3-venv"; exit 1; }
	@$(if $(filter broken,$(STATE)),echo "The Python of $(VENV) is gone: making $(VENV) anew.")
	@echo "Installing into $(VENV). Once only: a few minutes, about 3 GB."
	@rm -f $(LOCKED) $(READY)
	@trap : INT; $(PYTHON) -m venv --clear $(VENV) \
	  || { echo "'$(PYTHON)' could not make $(VENV), see above. $(AGAIN)"; \
	  exit 1; }
	@$(PY) -I setup/fill.py requirements.lock
	@touch $@

$(VENV)/cuda.stamp: $(LOCKED) requirements-gpu.lock | $(READY)
	@echo "Adding TensorFlow's CUDA libraries to $(VENV)." \
	  "Once only: a few minutes, 2.8 GB to download."
	@$(PY) -I setup/fill.py requirements-gpu.lock
	@touch $@

$(SPHINX): $(LOCKED) requirements-site.lock | $(READY)
	@echo "Adding Sphinx to $(VENV). Once only: half a minute."
	@$(PY) -I setup/fill.py requirements-site.lock
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	@rm -f $@
	@$(PY) -I setup/moved.py relink
	@trap : INT; $(PIP) install --quiet --no-deps --no-build-isolation -e . \
	  || { echo "dni_lesson could not be installed, see above. $(AGAIN)"; \
	  exit 1; }
	@touch $@

# One lock for Python 3.11 to 3.13 on Linux, macOS and Windows, and one each of
# what the extras `gpu` and `site` add to it: all that the first lock holds is
# left out. To move to the newest versions: make lock ARGS=--upgrade
COMPILE := uv pip compile pyproject.toml --quiet --universal \
  --extra course --extra cluster --extra test \
  --python-version 3.11 --fork-strategy fewest \
  --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock"
lock:
	@command -v uv >/dev/null \
	  || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 1; }
	$(COMPILE) -o requirements.lock $(ARGS)
	for extra in gpu site; do \
	  $(COMPILE) --extra $$extra -c requirements.lock \
	    -o requirements-$$extra.lock $(ARGS) \
	    $$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements.lock) \
	    || exit 1; \
	  sed '/^$$/,$$d' requirements-$$extra.lock >extra.lock;  : The list of those.; \
	  mv extra.lock requirements-$$extra.lock; \
	done

clean:
	rm -rf $(VENV) build dist *.egg-info tests/artifacts \
	  .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +
