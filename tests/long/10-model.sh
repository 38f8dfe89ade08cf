#!/bin/sh
# The delivery protocol: every interleaving, larger than tests/ci/10-model.sh.
# Some minutes and 4 GB each.
set -u
BIN=${SS_BIN:?where the programs are}
failed=0

model()
{
	printf '%s\n  ' "$*"
	"${BIN%/bin}/tools/crash-model" --short --max-states 200000000 "$@" || failed=$((failed + 1))
}

model --accept
model --held
model --other --accept
model --shared --accept --replays 0
model --shared --other --replays 0
model --shared --crashes 1
model --refusals 2 --replays 0
model --crashes 3 --replays 0 --unknown 0
printf '%d failed\n' "$failed"
[ "$failed" -eq 0 ]
