#!/bin/sh
# As tests/ci/20-crash-states.sh, but pairs of operations are lost, too.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${SS_BIN:?where the programs are}
PATH=${BIN%/bin}/tools:$BIN:$PATH exec python3 tests/crash/states.py --pairs --stop 0 -m 20000 all
