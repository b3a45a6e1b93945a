# Everything runs in .venv and .cache; nothing else on the machine is touched, save that `make test`,
# as root, installs the Debian programs that some tests talk to.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
LOCK := $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	--custom-compile-command "make lock" $(UPGRADE)
PYTEST := $(BIN)/python -m pytest

# What is started here keeps the bytecode it makes, whatever the shell says: a process that compiles all it
# imports takes two seconds longer to start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help venv demo test soak bench lint lock clean tools
.DELETE_ON_ERROR:

help:
	@echo "make demo    the whole way of a ticket, on this machine alone"
	@echo "make test    set up what the tests need, check the code, run the tests"
	@echo "make soak    the longer tests: repeated kills, floods"
	@echo "make bench   what the broker costs, side by side with vCenter's bare calls; half an hour"
	@echo "make lint    style, types and imports"
	@echo "make venv    .venv with all that development needs"
	@echo "make lock    write the dependencies' hashes anew; with UPGRADE=--upgrade, newer versions too"
	@echo "make clean   remove what the above made"

venv: .venv/dev.stamp

demo: .venv/demo.stamp
	@$(BIN)/broker demo

test: .venv/dev.stamp tools .cache/vcsim .cache/outsider
	@$(MAKE) --no-print-directory lint
	@$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder -m "not soak" --cov --cov-report=term

soak: .venv/dev.stamp tools .cache/vcsim .cache/outsider
	@$(PYTEST) -n 0 -m soak

bench: .venv/dev.stamp tools
	@$(BIN)/python -m tests.bench

lint: .venv/dev.stamp
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports

lock: .venv/build.stamp
	@$(LOCK) --group build -o requirements-build.lock
	@$(LOCK) --group go -o requirements-go.lock
	@$(LOCK) --extra lab pyproject.toml -c requirements-build.lock -o requirements.lock
	@$(LOCK) --extra postgres pyproject.toml -c requirements.lock -o requirements-container.lock
	@$(LOCK) --extra lab --extra postgres --group dev pyproject.toml -c requirements-build.lock -c requirements.lock \
		-o requirements-dev.lock

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	rm -f .coverage .coverage.* coverage.xml

tools:
	@.ci/debian-tools

.venv/build.stamp: requirements-build.lock
	@.ci/check-python $(PYTHON)
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	@touch $@

.venv/demo.stamp: .venv/build.stamp requirements.lock pyproject.toml
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: .venv/demo.stamp requirements-dev.lock
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

.cache/vcsim: $(wildcard tests/vcsim/*.go tests/vcsim/govc/*.go) .ci/go-build tests/vcsim/go.mod tests/vcsim/go.sum requirements-go.lock | .venv/build.stamp
	@.ci/go-build tests/vcsim .cache/govc=./govc $@=.

.cache/outsider: $(wildcard tests/outsiders/*.go) .ci/go-build tests/outsiders/go.mod tests/outsiders/go.sum requirements-go.lock | .venv/build.stamp
	@.ci/go-build tests/outsiders .cache/fsck=github.com/transparency-dev/tessera/cmd/fsck $@=.
