#!/bin/sh
# Every program of the pipeline killed at each of its mutating calls: the same
# end every time.  Then with a peer that forgets, which must be found.
set -eu
cd "$(dirname "$0")/../.."
make -j2 all >/dev/null
python3 tests/crash/killall.py build/release/bin
python3 tests/crash/killall.py --fault forget --stride 5 --least 0 build/release/bin
