#!/bin/sh
# powercut.sh CUTS [LIE]
#
# Writers record events on an ext4 of their own; the power is cut at some moment;
# what they acknowledged must be there when the disk comes back.  By turns it is
# ss-track, or two writers at once whose segments are so small that they rotate
# all the time; every third disk is used on, as it came out of the cut before.
# Writers are stopped before the cut, so that no acknowledgement can come after
# it: a sync that races with the cut may return 0.  With LIE (as for
# crash-lie.so) they only seem to sync.
#
# Needs root and loop devices; without them it cannot be told, and that is an
# error.  Prints how many cuts were made and how many lines were acknowledged;
# ends with 1 when a line was lost, 2 when it could not be told.
set -u
cuts=$1 lie=${2:-}
dir=$(mktemp -d "${TMPDIR:-/tmp}/ss-cut.XXXXXX") || exit 2
img=$dir/disk mnt=$dir/mnt pids=
mkdir "$mnt"

cannot()
{
	echo "powercut.sh: cannot tell: $*" >&2
	exit 2
}

finish()
{
	for pid in $pids; do
		kill -KILL "$pid" 2>/dev/null
	done
	umount "$mnt" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

# Events without end, each with an id of its own, a UUIDv7.
events()
{
	awk -v cut="$1" 'BEGIN {
		for (i = 0; ; i++)
			printf "{\"specversion\":\"1.0\",\"id\":\"01a20000-%04x-7000-8000-%012x\",\"source\":\"cut\",\"type\":\"t\",\"data\":{\"n\":%d,\"pad\":\"%0" (i % 300) "d\"}}\n", cut, i, i, 0
	}'
}

# In the place of the shell, so that its number is the writer's own.
become()
{
	[ -z "$lie" ] || exec env LD_PRELOAD="$lib" CRASH_LIE="$lie" "$@"
	exec "$@"
}

lib=
if [ -n "$lie" ]; then
	for d in $(echo "$PATH" | tr : ' '); do
		[ -n "$lib" ] || [ ! -f "$d/crash-lie.so" ] || lib=$d/crash-lie.so
	done
	[ -n "$lib" ] || cannot 'crash-lie.so is not in PATH'
fi
truncate -s 1G "$img" && mkfs.ext4 -q -F "$img" || cannot 'no ext4 can be made'

bad=0 acked=0 k=0
: >"$dir/all"
while [ "$k" -lt "$cuts" ]; do
	k=$((k + 1))
	mount -o loop "$img" "$mnt" || cannot 'no loop mount here'
	if [ $((k % 3)) -ne 0 ]; then
		rm -rf "${mnt:?}/home"
		: >"$dir/all"
	fi
	sync
	if [ $((k % 2)) -eq 1 ]; then
		mkfifo "$dir/in.$k"
		events "$k" >"$dir/in.$k" 2>/dev/null &
		feeder=$!
		(SS_HOME=$mnt/home SS_CONFIG=/dev/null; export SS_HOME SS_CONFIG; become ss-track <"$dir/in.$k" >"$dir/told.1") &
		pids=$!
		: >"$dir/told.2"
	else
		feeder=
		(become crash-oracle write -n 0 -b 3 -w 2 -s 20000 -t "a$k" "$mnt/home" >"$dir/told.1") &
		pids=$!
		(become crash-oracle write -n 0 -s 20000 -t "b$k" "$mnt/home" >"$dir/told.2") &
		pids="$pids $!"
	fi
	sleep "0.$((k * 37 % 8 + 1))"
	# shellcheck disable=SC2086 # words
	kill -STOP $pids || cannot 'a writer ended by itself'
	crash-oracle cut "$mnt" || cannot 'the power could not be cut'
	# shellcheck disable=SC2086
	kill -KILL $pids $feeder 2>/dev/null
	# shellcheck disable=SC2086
	wait $pids $feeder 2>/dev/null
	pids=
	umount "$mnt"
	mount -o loop "$img" "$mnt" || cannot 'the disk does not come back'
	# what was being handed on when the power went was acknowledged up to its last newline
	for i in 1 2; do
		head -n "$(wc -l <"$dir/told.$i")" "$dir/told.$i" >>"$dir/all"
		acked=$((acked + $(wc -l <"$dir/told.$i")))
	done
	if ! crash-oracle check "$mnt/home" "$dir/all" >"$dir/why" 2>&1; then
		bad=$((bad + 1))
		printf 'cut %d: %s\n' "$k" "$(head -c 300 "$dir/why")"
	fi
	umount "$mnt"
	rm -f "$dir/in.$k"
done
printf 'cuts=%d acknowledged=%d bad=%d\n' "$cuts" "$acked" "$bad"
[ "$acked" -gt "$cuts" ] || cannot 'hardly anything was acknowledged'
[ "$bad" -eq 0 ]
