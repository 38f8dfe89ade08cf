#!/bin/sh
# enrich-and-wait - join a table's row into each event; wait where it is not there
#
# usage: enrich-and-wait.sh TABLE KEY TARGET <events
#
# KEY is what is looked up, such as .data.sku.  An event whose row is missing is
# parked, at no cost to the others, and goes on, in order, with the first run
# behind `ss-lookup --add TABLE rows.csv`.  Exit 3: some are parked.
set -eu
[ $# -eq 3 ] || { echo 'usage: enrich-and-wait.sh TABLE KEY TARGET <events' >&2; exit 2; }
: "${SS_HOME:=${STATE_DIRECTORY:-${XDG_STATE_HOME:-$HOME/.local/state}/storesync}}"

mkdir -p "$SS_HOME/pipelines"
cat >"$SS_HOME/pipelines/enrich" <<PIPE
#!/bin/sh
ss-lookup --by '$2' '$1' | ss-push '$3'
PIPE
chmod +x "$SS_HOME/pipelines/enrich"

ss-run enrich
