#!/bin/sh
# batch-import - a file into a shop, as cron would do it
#
# usage: batch-import.sh FILE TARGET
#
# FILE is a CSV, plain, compressed or in an archive; TARGET a peer of
# storesync.conf, such as http:shop, or file:PATH.  Only what differs from what
# the target is known to hold is sent, in batches, each applied once.  It may be
# killed and started again at any time, and run for the same file as often as one
# likes.  Exit 0: all in; 3: some rows are dead, see `ss-track list`; 4: the
# target is down, run it again.
set -eu
[ $# -eq 2 ] || { echo 'usage: batch-import.sh FILE TARGET' >&2; exit 2; }
: "${SS_HOME:=${STATE_DIRECTORY:-${XDG_STATE_HOME:-$HOME/.local/state}/storesync}}"

mkdir -p "$SS_HOME/pipelines"
cat >"$SS_HOME/pipelines/import" <<PIPE
#!/bin/sh
ss-diff --target '$2' | ss-push '$2'
PIPE
chmod +x "$SS_HOME/pipelines/import"

ss-fetch "csv:$1" | ss-run import
