#!/usr/bin/env bash
# The oracle stage: installs the judges into .venv/ once, then runs every case against the engine command given.
# usage: tests/oracle/run.sh [ENGINE COMMAND...]     default: the host binary in dist/
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
engine=${*:-$root/dist/flashmoe}

# environment NAME REQUIREMENTS: a virtual environment that is complete or not there.
environment() {
  local directory=$root/.venv/$1 requirements=$here/$2
  if ! cmp -s "$requirements" "$directory/installed"; then
    rm -rf "$directory"
    python3 -m venv "$directory"
    # Neither a second copy of gigabytes in pip's cache, nor bytecode of what is never imported.
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile -r "$requirements"
    cp "$requirements" "$directory/installed"
  fi
}

export PYTHONPYCACHEPREFIX=$root/.venv/bytecode
status=0
environment transformers requirements-transformers.txt & # large: beside the first judge's cases
installing=$!
environment mlx requirements.txt
"$root/.venv/mlx/bin/python" "$here/run.py" --engine "$engine" || status=1
wait "$installing"
"$root/.venv/transformers/bin/python" "$here/transformers_case.py" --engine "$engine" 2> "$root/.venv/transformers.log" ||
  { cat "$root/.venv/transformers.log" >&2; status=1; }
exit $status
