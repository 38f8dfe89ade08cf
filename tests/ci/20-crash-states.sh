#!/bin/sh
# Every state that a power cut can leave of the log (tests/crash/states.py): all
# workloads, then the same with bugs put in, each of which must be found.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${SS_BIN:?where the programs are}
TOOLS=${BIN%/bin}/tools
PATH=$TOOLS:$BIN:$PATH
export PATH LC_ALL=C.UTF-8
least=20000
tmp=$(mktemp -d "${TMPDIR:-/tmp}/ss-crash.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

enumerate()
{
	python3 tests/crash/states.py "$@"
}

result()
{
	if [ "$1" -eq 0 ]; then
		printf 'ok %s\n' "$2"
		passed=$((passed + 1))
	else
		printf 'not ok %s\n' "$2"
		failed=$((failed + 1))
	fi
}

# --- as it is: two lanes ---
for lane in 1 2; do
	(enumerate -j "$lane/2" all >"$tmp/clean.$lane" 2>&1; echo "$?" >"$tmp/clean.$lane.rc") &
done
wait
states=0
for lane in 1 2; do
	cat "$tmp/clean.$lane"
	n=$(sed -n 's/^\([0-9]*\) states, [0-9]* bad$/\1/p' "$tmp/clean.$lane")
	states=$((states + ${n:-0}))
	result "$(cat "$tmp/clean.$lane.rc")" "no bad state, half $lane of the workloads"
done
[ "$states" -ge "$least" ]
result $? "$states states were judged, at least $least"

# --- with bugs: caught NAME WORKLOAD OPTION... ---
caught()
{
	name=$1
	shift
	enumerate --stop 1 "$@" >"$tmp/bug" 2>&1
	rc=$?
	[ "$rc" -eq 1 ]
	result $? "$name is found: $(grep ': cut after' "$tmp/bug" | head -n 1 | cut -c 1-160)"
	[ "$rc" -eq 1 ] || cat "$tmp/bug"
}

# calls that do nothing
caught 'no fdatasync' append -l fdatasync
caught 'no fsync of a new segment' rotate -l fsync
caught 'no fsync of directories' first -l dirsync
caught 'no fsync before a rename' suspect -l fsync
caught 'no fsync of what goes to quarantine/' torn -l fsync
caught 'no fsync of a directory behind a rename' hole -l dirsync
caught 'no cut of a torn end' torn -l ftruncate

# mutant NAME FILE SED WORKLOAD: a line of lib/store changed, another crash-oracle
mutant()
{
	name=$1 file=$2
	sed "$3" "lib/store/$file" >"$tmp/$file"
	if cmp -s "$tmp/$file" "lib/store/$file"; then
		result 1 "$name: lib/store/$file has no such line any more"
		return
	fi
	# shellcheck disable=SC2046 # words
	"${CC:-gcc}" -std=c11 -D_GNU_SOURCE '-DSS_VERSION="0"' -Ilib -O1 -pthread -Wl,--as-needed -o "$tmp/mutant" \
	    "$tmp/$file" tests/crash/oracle.c "${BIN%/bin}/libstoresync.a" \
	    $(pkg-config --libs libcrypto libxxhash yyjson inih zlib) -llmdb -ljq -lm || {
		result 1 "$name: it compiles"
		return
	}
	shift 3
	caught "$name" "$1" -w "$tmp/mutant"
}

mutant 'rotating without a sync of the old segment' log.c \
    '/^rotate_if_due/,/^}/s/fdatasync(l->fd) == -1/0/' rotate-batch
mutant 'a hint that runs ahead of the sync' log.c \
    '/^hint_size/,/^}/{s/ && l->synced > h.synced//;s/h.synced = l->synced;/h.synced = l->size;/;}' append
mutant 'a segment whose name nobody is known to have synced' log.c \
    's/if (l->write && !(known && h.synced > 0))/if (0)/' killed-first

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
