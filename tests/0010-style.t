#!/bin/sh
# rules of the whole tree
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

# What belongs to the project: as git sees it, or all but what is built.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git -c core.quotePath=off ls-files --cached --others --exclude-standard
else
	find . -type f ! -path './build/*' ! -path './.git/*' | sed 's,^\./,,'
fi | while read -r f; do [ ! -f "$f" ] || echo "$f"; done | sort -u >"$TMP/files"
# Recorded data is as it came.
grep -v -E '^tests/(.*/)?data/|\.(gz|zip|zst|bz2|xz|png)$' "$TMP/files" >"$TMP/own"
grep -E '^(lib|cmd)/' "$TMP/own" >"$TMP/source"

# No own file has a line that matches; "$1" says which files.
none()
{
	found=$(xargs -d '\n' -a "$1" grep -nE -e "$2" /dev/null)
	[ -z "$found" ] || {
		echo "$found"
		return 1
	}
}

ok 'there are files to look at' test -s "$TMP/own"
# Written so that this file does not hold what it looks for.
ok 'no path of one machine' none "$TMP/own" "(^|[^A-Za-z0-9_.\$}/-])/(wor[k]|Use[r]s|hom[e]/[a-z]+)/"
ok 'no notes left to do' none "$TMP/own" '\<(TOD[O]|FIXM[E]|XX[X])\>'
ok 'no merge marks' none "$TMP/own" '^(<{7}|>{7}) '
ok 'no blanks at the end of source lines' none "$TMP/source" '[ 	]+$'
ok 'no carriage returns in source' none "$TMP/source" "$(printf '\r')"

modes()
{
	bad=0
	for f in scripts/setup scripts/test scripts/lint .ci/run tests/[0-9]*.t; do
		[ -x "$f" ] || { echo "$f cannot be run"; bad=1; }
	done
	return "$bad"
}
ok 'what is to be run can be' modes

numbered()
{
	bad=0
	for f in tests/*.t; do
		case ${f##*/} in
		[0-9][0-9][0-9][0-9]-*.t) ;;
		*) echo "$f is not NNNN-topic.t"; bad=1 ;;
		esac
		grep -q 'lib\.sh' "$f" || { echo "$f does not read lib.sh"; bad=1; }
		grep -qE '^[[:space:]]*(done_testing|plan )' "$f" || { echo "$f has no plan"; bad=1; }
	done
	return "$bad"
}
ok 'tests are numbered, use lib.sh and say how many they are' numbered

# lib/FLOOR/x.c may use its own floor and those below.
floors()
{
	bad=0 allowed=
	for floor in base event store net peer flow; do
		allowed="$allowed${allowed:+|}$floor"
		for f in lib/$floor/*.[ch]; do
			[ -e "$f" ] || continue
			if grep -nE '^#[[:space:]]*include "' "$f" |
			    grep -vE "^[0-9]*:#[[:space:]]*include \"($allowed)/[a-z0-9_-]+\.h\""; then
				echo "$f: uses a floor above, or not by FLOOR/name.h"
				bad=1
			fi
		done
	done
	for f in lib/*; do
		case ${f#lib/} in
		base | event | store | net | peer | flow | '*') ;;
		*) echo "$f is no floor"; bad=1 ;;
		esac
	done
	return "$bad"
}
ok 'each floor of lib/ uses only those below' floors

guards()
{
	bad=0
	for f in lib/*/*.h; do
		[ -e "$f" ] || continue
		want=SS_$(basename "$f" .h | tr 'a-z-' 'A-Z_')_H
		grep -qE "^#ifndef (${want}|SS_[A-Z0-9_]*_H)\$" "$f" || { echo "$f: no $want"; bad=1; }
	done
	return "$bad"
}
ok 'headers are guarded' guards

complete_set()
{
	bad=0
	for f in cmd/ss-*.c; do
		[ -e "$f" ] || continue
		p=$(basename "$f" .c)
		for need in "man/$p.1" "completions/bash/$p" "completions/zsh/_$p"; do
			[ -s "$need" ] || { echo "$p: no $need"; bad=1; }
		done
		ls tests/[0-9][0-9][0-9][0-9]-"${p#ss-}"-*.t >/dev/null 2>&1 ||
		    ls tests/[0-9][0-9][0-9][0-9]-"${p#ss-}".t >/dev/null 2>&1 ||
		    { echo "$p: no tests/NNNN-${p#ss-}-*.t"; bad=1; }
	done
	for f in man/ss-*.1 completions/bash/ss-* completions/zsh/_ss-*; do
		[ -e "$f" ] || continue
		p=$(basename "$f" .1)
		[ -e "cmd/${p#_}.c" ] || { echo "$f: no such program"; bad=1; }
	done
	return "$bad"
}
ok 'each program has its page, its completions and its tests' complete_set

programs()
{
	bad=0
	for f in cmd/ss-*.c; do
		[ -e "$f" ] || continue
		p=$(basename "$f" .c)
		"$p" --help </dev/null >"$TMP/help" 2>"$TMP/stray" || { echo "$p --help: exit $?"; bad=1; }
		[ ! -s "$TMP/stray" ] || { echo "$p --help writes to standard error"; bad=1; }
		head -n 1 "$TMP/help" | grep -q "^usage: $p" || { echo "$p --help: no usage line"; bad=1; }
		! grep -nE '.{81}' "$TMP/help" || { echo "$p --help: wider than 80"; bad=1; }
		"$p" --no-such-option </dev/null >"$TMP/out" 2>"$TMP/stray" && rc=0 || rc=$?
		[ "$rc" -eq 2 ] || { echo "$p --no-such-option: exit $rc, want 2"; bad=1; }
		[ ! -s "$TMP/out" ] || { echo "$p --no-such-option writes to standard output"; bad=1; }
		# Each option is on the page.
		[ -r "man/$p.1" ] || continue
		grep -oE '^ +(-[A-Za-z0-9], )?--[a-z0-9-]+' "$TMP/help" | grep -oE -e '--[a-z0-9-]+' |
		    while read -r o; do
			sed 's/\\-/-/g' "man/$p.1" | grep -qE -e "(Fl -|[^-]-)${o#--}([^a-z0-9-]|\$)" ||
			    echo "$p: $o is not on its page"
		    done >"$TMP/absent"
		[ ! -s "$TMP/absent" ] || { cat "$TMP/absent"; bad=1; }
	done
	return "$bad"
}
ok 'each program helps, refuses what it does not know, and its page has its options' programs

if ls "${SS_BIN%/bin}"/lib/*/*.o >/dev/null 2>&1 && command -v nm >/dev/null; then
	ok 'lib/ exports by name, and neither prints nor exits' sh scripts/check-symbols "${SS_BIN%/bin}"
else
	skip 'lib/ exports by name, and neither prints nor exits' 'the objects are not here'
fi

done_testing
