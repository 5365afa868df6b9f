# Needs Python 3.11 or later, pip and make; uv is used when it is there. Every path is relative,
# so the checkout may lie under a path with spaces.
.DELETE_ON_ERROR:
.PHONY: demo test walks attack chaos test-pg15 test-matrix check fuzz bench bench-tui docs screenshots lock clean

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PYTEST_WORKERS ?= 3
PYTEST_ARGS ?=
MATRIX := tests/conformance/test_matrix.py
WALKS := tests/conformance/test_walks.py tests/partitioned tests/operations/test_change_primary_key_type.py tests/comparing \
    tests/contract tests/proof tests/pressure $(addprefix tests/rehearsal/test_,clients.py copy.py rehearse.py watching.py with_data.py) tests/correctness \
    $(addprefix tests/engine/test_,contract_half_lost.py died_over_repair.py fence.py foreign.py recovery.py two_databases.py) \
    tests/service/test_bad_input.py tests/service/test_ramp.py tests/converting/test_verbs.py \
    tests/exporting/test_exported.py tests/converting/test_catalogs.py tests/tui/test_faults.py tests/formats/test_robustness.py
ATTACKS := $(addprefix tests/conformance/test_,locks.py killed.py half_lost.py) tests/correctness/attacks tests/chaos \
    tests/demo/test_demo.py tests/rehearsal/test_operations.py $(addsuffix /test_examples.py,tests/exporting tests/converting) \
    $(addprefix tests/service/test_,refusals.py lost_commits.py) \
    $(addprefix tests/engine/test_,killed.py lost_commits.py dead_clients.py)
DEMO_ARGS ?=
N ?= 500
SECONDS ?= 60
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PY := .venv/bin/python
READY := .venv/.ready

demo: $(READY)
	.venv/bin/orch demo $(DEMO_ARGS)

test: $(READY)
	$(PY) -m pytest -n $(PYTEST_WORKERS) --dist worksteal $(addprefix --ignore=,$(ATTACKS) $(MATRIX) $(WALKS)) $(PYTEST_ARGS)

# Every operation to its end and back while applications write; partitioned tables; keys that many tables refer to; large
# tables filled and compared; loads that hold a backfill back; ways in which contract would be wrong, and data be lost; workers
# that die or meet what they did not leave; hostile names.
walks: $(READY)
	$(PY) -m pytest -n $(PYTEST_WORKERS) --dist worksteal $(WALKS) --ignore=tests/correctness/attacks $(PYTEST_ARGS)

# The long part: kills, frozen workers, lost connections, and every guarantee attacked at length.
attack: $(READY)
	$(PY) -m pytest -n $(PYTEST_WORKERS) --dist worksteal -o faulthandler_timeout=900 $(ATTACKS) $(PYTEST_ARGS)

# N disturbances of releases under load: workers killed and frozen, servers crashed and failed over.
chaos: $(READY)
	$(PY) -m tests.chaos $(N)

# The tests again on PostgreSQL 15, the oldest version supported.
test-pg15: $(READY)
	bash tests/postgres.sh 15 $(addprefix --ignore=,$(ATTACKS) $(MATRIX)) $(PYTEST_ARGS)

# Every example of every operation, under hostile names and with every kind of key, on every version; 14 as best effort.
test-matrix: $(READY)
	for major in 18 17 16 15; do bash tests/postgres.sh $$major $(MATRIX) $(PYTEST_ARGS) || exit; done
	-bash tests/postgres.sh 14 $(MATRIX) $(PYTEST_ARGS)

check: $(READY)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo

# Broken and random scripts through the linter.
fuzz: $(READY)
	$(PY) -m tests.lint.fuzz $(SECONDS)

bench: $(READY)
	$(PY) -m tests.bench

# What the terminal UI costs over a thousand changes, and how quickly it answers.
bench-tui: $(READY)
	$(PY) -m tests.bench.tui

# The reference pages from the code, and the whole site into site/.
docs: $(READY)
	$(PY) docs/generate.py
	$(PY) -m mkdocs build --strict --quiet

# The pictures of README and docs, from the running program.
screenshots: $(READY)
	$(PY) docs/screenshots.py

lock: $(READY)
	test -x .venv/lock/bin/uv || { $(PY) -m venv .venv/lock && .venv/lock/bin/python -m pip install --quiet uv; }
	.venv/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" --extra embedded --group dev \
	    pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything comes from the lock with its hashes, the build backend too; the second install
# only links this checkout. Debian's python3 may lack ensurepip: its pip then fills the venv.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "orch needs Python 3.11 or later; set PYTHON=/path/to/python" >&2; exit 1; }
	@if command -v uv >/dev/null 2>&1; then set -e; \
	    uv venv --quiet --seed --allow-existing --python $(PYTHON) .venv; \
	    uv pip install --quiet --python $(PY) --require-hashes -r requirements.lock; \
	    uv pip install --quiet --python $(PY) --no-deps --no-build-isolation -e .; \
	else set -e; \
	    $(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m venv --without-pip .venv; \
	    pip="$(PY) -m pip"; $$pip --version >/dev/null 2>&1 || pip="$(PYTHON) -m pip --python $(PY)"; \
	    $$pip install --quiet --require-hashes -r requirements.lock; \
	    $$pip install --quiet --no-deps --no-build-isolation -e .; \
	fi
	@touch $(READY)
