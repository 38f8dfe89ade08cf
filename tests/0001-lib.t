#!/bin/sh
# lib.sh itself: what it passes, what it must not pass
. "$(dirname "$0")/lib.sh"

# Run the lines of stdin as a test file of its own, by the harness.
mkdir -p t
trial()
{
	{
		# shellcheck disable=SC2016
		echo '. "$(dirname "$0")/lib.sh"'
		cat
	} >t/trial.t
	cp "$ROOT/tests/lib.sh" t/lib.sh
	sh t/trial.t >t/tap 2>&1
	code=$?
	perl "$ROOT/tests/run" -t "${limit-30}" t/trial.t >t/log 2>&1
	echo "$code $? $(tail -n 1 t/log)"
}

is 'a good test passes' "$(trial <<-'E'
	ok 'true is true' true
	status 'seven' 7 sh -c 'exit 7'
	must_fail 'false fails' false
	check 'a pipeline' 'echo a | grep -q a'
	is 'strings' a a
	echo x >a; echo x >b
	same 'files' a b
	skip 'not here' 'no such thing'
	pass 'said so'
	done_testing
E
)" '0 0 7 passed, 0 failed'

is 'every kind of failure is counted' "$(trial <<-'E'
	ok 'false' false
	status 'wrong code' 7 sh -c 'exit 6'
	must_fail 'true' true
	check 'a pipeline' 'echo a | grep -q b'
	is 'strings' a b
	echo x >a; echo y >b
	same 'files' a b
	same 'no file' a nothing
	fail 'said so' 'because'
	pass 'the good one'
	done_testing
E
)" '1 1 1 passed, 8 failed'
check 'a difference is shown' 'grep -q "^# -y" t/tap && grep -q "^# because" t/tap'

is 'a crash is no orderly failure' "$(trial <<-'E'
	must_fail 'signal' sh -c 'kill -SEGV $$'
	must_fail 'no such program' no-such-program-here
	must_fail 'cannot be run' /dev/null
	must_fail 'a sanitizer stopped it' sh -c 'exit 99'
	status 'signal' 1 sh -c 'kill -ABRT $$'
	done_testing
E
)" '1 1 0 passed, 5 failed'
check 'the signal is named' 'grep -q "killed by signal 11" t/tap'

is 'a signal can be wanted' "$(trial <<-'E'
	status 'killed' 137 sh -c 'kill -KILL $$'
	done_testing
E
)" '0 0 1 passed, 0 failed'

is 'no test at all is a failure' "$(echo done_testing | trial)" '1 1 0 passed, 1 failed'
is 'an early end is a failure' "$(trial <<-'E'
	pass 'one'
	exit 0
	done_testing
E
)" '1 1 1 passed, 1 failed'
is 'fewer than planned is a failure' "$(trial <<-'E'
	plan 3
	pass 'one'
E
)" '1 1 1 passed, 1 failed'
is 'as many as planned is fine' "$(trial <<-'E'
	plan 1
	pass 'one'
E
)" '0 0 1 passed, 0 failed'
is 'an unset variable is a failure' "$(trial <<-'E'
	pass 'one'
	echo "$no_such_variable"
	done_testing
E
)" '2 1 1 passed, 1 failed'
limit=2
is 'one that hangs is a failure' "$(trial <<-'E'
	pass 'one'
	sleep 4
	done_testing
E
)" '0 1 1 passed, 1 failed'
limit=30
is 'skipping all is fine and counts nothing' "$(trial <<-'E'
	skip_all 'no moon'
E
)" '0 0 0 passed, 0 failed'
check 'and says why' 'grep -q "no moon" t/log'

is 'output goes where it is sent, and is kept' "$(trial <<-'E'
	ok 'quiet' sh -c 'echo to-out; echo to-err >&2' >got
	is 'sent' "$(cat got)" to-out
	is 'kept' "$(cat "$OUT" "$ERR")" 'to-out
	to-err'
	ok 'input' grep -q x <<X
	x
	X
	echo 'not ok 1 - this is no TAP'
	done_testing
E
)" '0 0 4 passed, 0 failed'

SS_HOME=/nowhere SS_SECRET_X=1 XDG_STATE_HOME=/nowhere http_proxy=http://127.0.0.1:1
export SS_HOME SS_SECRET_X XDG_STATE_HOME http_proxy
is 'nothing of outside reaches it' "$(trial <<-'E'
	is 'home' "$SS_HOME" "$PWD/home"
	is 'secret' "${SS_SECRET_X-none}" none
	is 'state' "${XDG_STATE_HOME-none}" none
	is 'proxy' "${http_proxy-none}" none
	is 'umask' "$(umask)" 0077
	is 'its folder' "$PWD" "$TMP"
	is 'empty but for the configuration' "$(ls -A)" storesync.conf
	is 'clock' "$TZ $LC_ALL" 'UTC C.UTF-8'
	printf '%s\n' "$TMP" >&2
	done_testing
E
)" '0 0 8 passed, 0 failed'
dir=$(sed -n 's/^\(\/.*\)$/\1/p' t/tap)
check 'and its folder is gone' "[ -n '$dir' ] && [ ! -e '$dir' ]"

is 'what runs behind ends with it' "$(trial <<-'E'
	background sh -c 'echo up >up; exec sleep 50'
	echo "$BG_PID" >&2
	ok 'it came up' wait_for 5 test -s up
	must_fail 'waiting ends' wait_for 1 false
	ok 'it runs' kill -0 "$BG_PID"
	done_testing
E
)" '0 0 3 passed, 0 failed'
check 'it is gone' "! kill -0 $(sed -n 's/^\([0-9]*\)$/\1/p' t/tap)"

done_testing
