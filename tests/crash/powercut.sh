#!/bin/sh
# powercut.sh CUTS [PRELOAD]
#
# A writer records events on an ext4 of its own; the power is cut at some moment;
# what it acknowledged must be there when the disk comes back.  The writer is
# stopped before the cut, so that no acknowledgement can come after it.  Needs
# root and a loop device.  Prints how many cuts were made and how many lines
# were acknowledged; ends with 1 when a line was lost.
set -u
cuts=$1 lie=${2:-}
dir=$(mktemp -d "${TMPDIR:-/tmp}/ss-cut.XXXXXX") || exit 2
img=$dir/disk mnt=$dir/mnt
mkdir "$mnt"
writer=
trap 'test -z "$writer" || kill -KILL "$writer" 2>/dev/null; umount "$mnt" 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM

# Events without end, an id that is a UUIDv7 each.
events()
{
	awk 'BEGIN {
		for (i = 0; ; i++)
			printf "{\"specversion\":\"1.0\",\"id\":\"01a20000-0000-7000-8000-%012x\",\"source\":\"cut\",\"type\":\"t\",\"data\":{\"n\":%d,\"pad\":\"%0" (i % 300) "d\"}}\n", i, i, 0
	}'
}

bad=0 acked=0 k=0
dd if=/dev/zero of="$img" bs=1M count=0 seek=192 2>/dev/null
mkfs.ext4 -q -F "$img" || exit 2
while [ "$k" -lt "$cuts" ]; do
	k=$((k + 1))
	mount -o loop "$img" "$mnt" || { echo 'no loop mount here: power cuts cannot be tried' >&2; exit 2; }
	rm -rf "$mnt/home"
	sync
	mkfifo "$dir/in.$k"
	events >"$dir/in.$k" 2>/dev/null &
	gen=$!
	env ${lie:+LD_PRELOAD="$lie" CRASH_LIE=fdatasync} SS_HOME="$mnt/home" ss-track <"$dir/in.$k" >"$dir/acks" &
	writer=$!
	sleep "0.$((k * 37 % 8 + 1))"
	kill -STOP "$writer"
	crash-oracle cut "$mnt" || { echo 'the power could not be cut' >&2; exit 2; }
	kill -KILL "$writer" "$gen" 2>/dev/null
	wait "$writer" "$gen" 2>/dev/null
	writer=
	umount "$mnt"
	mount -o loop "$img" "$mnt" || exit 2
	# a line that was being handed on when the power went was acknowledged up to its end only
	n=$(wc -l <"$dir/acks")
	head -n "$n" "$dir/acks" >"$dir/promised"
	acked=$((acked + n))
	if ! crash-oracle check "$mnt/home" "$dir/promised" >"$dir/why" 2>&1; then
		bad=$((bad + 1))
		printf 'cut %d: %s\n' "$k" "$(head -c 300 "$dir/why")"
	fi
	umount "$mnt"
	rm -f "$dir/in.$k"
done
printf 'cuts=%d acknowledged=%d bad=%d\n' "$cuts" "$acked" "$bad"
[ "$acked" -gt 0 ] || { echo 'nothing was acknowledged: this proves nothing' >&2; exit 2; }
[ "$bad" -eq 0 ]
