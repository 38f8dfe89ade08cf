#!/bin/sh
# file-to-file - what changed between two files, into a third; no server, no shop
#
# usage: file-to-file.sh OLD.csv NEW.csv CHANGES
#
# CHANGES gets a line for each item that differs, with what is set and what it
# was.  The same files again append nothing, since what was delivered to a file is
# known of it as of any other target.
set -eu
[ $# -eq 3 ] || { echo 'usage: file-to-file.sh OLD.csv NEW.csv CHANGES' >&2; exit 2; }
: "${SS_HOME:=${STATE_DIRECTORY:-${XDG_STATE_HOME:-$HOME/.local/state}/storesync}}"

old=$(mktemp) new=$(mktemp) changed=$(mktemp)
trap 'rm -f "$old" "$new" "$changed"' EXIT
# a bad row ends it: what is missing would look like a change
ss-fetch --strict "csv:$1" >"$old"
ss-fetch --strict "csv:$2" >"$new"
rc=0
ss-diff "$old" "$new" >"$changed" || rc=$?
[ "$rc" -le 1 ] || exit "$rc"

mkdir -p "$SS_HOME/pipelines"
cat >"$SS_HOME/pipelines/changes" <<PIPE
#!/bin/sh
ss-push 'file:$3'
PIPE
chmod +x "$SS_HOME/pipelines/changes"
ss-run changes <"$changed"
