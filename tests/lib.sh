# shellcheck shell=sh
# lib.sh - what every tests/NNNN-tool-topic.t starts with:
#
#	. "$(dirname "$0")/lib.sh"
#
# It gives the test an empty folder of its own as working directory and HOME, a
# clean environment and the programs in PATH (SS_BIN, else build/release/bin).
# Standard output is kept for TAP: what a test itself prints there is dropped.
#
#	ROOT	the checkout		TMP	the test's own folder, also $PWD
#	OUT ERR	files holding what the last command under test wrote
#
#	ok TITLE COMMAND...		COMMAND exits 0
#	status TITLE WANT COMMAND...	COMMAND exits WANT
#	must_fail TITLE COMMAND...	COMMAND fails, of its own will
#	check TITLE 'SHELL LINE'	the same as ok, for pipelines, in a subshell
#	is TITLE GOT WANT		two strings are the same
#	same TITLE GOTFILE WANTFILE	two files are the same
#	pass TITLE, fail TITLE [WHY]	the test found out by itself
#	skip TITLE WHY			this one cannot be made here
#	skip_all WHY			none can; before the first of them
#	plan N | done_testing		one of them is needed: the first before, the
#					second after all tests
#	diag TEXT			a comment in the output
#	shared DIR			prints where the shared data set DIR is, or fails
#	background COMMAND...		starts it; ended with the test; BG_PID
#	wait_for SECONDS COMMAND...	waits until COMMAND exits 0
#
# A crash, a sanitizer's report (exit 99), 126 and 127 pass none of these
# unless WANT says so.  Redirections work: `ok 'reads it' ss-log verify <file >x`.
# KEEP=1 keeps the folder and says where it is.

set -u
ROOT=$(cd "$(dirname "$0")/.." && pwd) || exit 1
SS_BIN=${SS_BIN:-$ROOT/build/release/bin}
case $SS_BIN in
/*) ;;
*) SS_BIN=$PWD/$SS_BIN ;;
esac

# Nothing of the user's own may reach a test.
for t_var in $(env | sed -n 's/^\(SS_[A-Za-z0-9_]*\)=.*/\1/p'); do
	case $t_var in
	SS_BIN | SS_TEST_*) ;;
	*) unset "$t_var" ;;
	esac
done
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_RUNTIME_DIR STATE_DIRECTORY \
	CREDENTIALS_DIRECTORY CDPATH BASH_ENV ENV http_proxy https_proxy \
	all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY t_var

T_BASE=$(mktemp -d "${TMPDIR:-/tmp}/ss-test.XXXXXX") || exit 1
TMP=$T_BASE/d
OUT=$T_BASE/out
ERR=$T_BASE/err
SS_HOME=$TMP/home
SS_CONFIG=$TMP/storesync.conf
HOME=$TMP
TMPDIR=$T_BASE/tmp
PATH=$SS_BIN:${SS_BIN%/bin}/tools:$PATH
LC_ALL=C.UTF-8
TZ=UTC
: "${ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1}"
: "${UBSAN_OPTIONS=exitcode=99:print_stacktrace=1}"
: "${TSAN_OPTIONS=exitcode=99}"
export ROOT SS_BIN TMP OUT ERR SS_HOME SS_CONFIG HOME TMPDIR PATH LC_ALL TZ \
	ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
umask 077
mkdir "$TMP" "$TMPDIR" && cd "$TMP" && : >"$SS_CONFIG" && : >"$OUT" && : >"$ERR" || exit 1

t_count=0 t_failed=0 t_plan='' t_ended='' t_pids='' BG_PID=''
# TAP goes to 5; no child gets it, so none can hold the harness up.
exec 5>&1 1>/dev/null </dev/null

t_line()
{
	t_count=$((t_count + 1))
	printf '%s %d - %s\n' "$1" "$t_count" \
	    "$(printf '%s' "$2" | tr '\n' ' ' | sed 's/#/\\#/g')${3:+ # $3}" >&5
}

diag()
{
	printf '%s\n' "$*" | sed 's/^/# /' >&5
}

# The start of a file, as comments.
t_show()
{
	[ -s "$2" ] || return 0
	diag "$1:"
	head -c 4000 "$2" | head -n 60 | awk '{ print "#   " $0 }' >&5
}

pass()
{
	t_line ok "$1"
}

fail()
{
	t_line 'not ok' "$1"
	t_failed=$((t_failed + 1))
	shift
	[ $# -eq 0 ] || diag "$*"
	return 0
}

skip()
{
	t_line ok "$1" "SKIP $2"
}

skip_all()
{
	printf '1..0 # SKIP %s\n' "$*" >&5
	t_ended=1
	exit 0
}

plan()
{
	t_plan=$1
	printf '1..%d\n' "$1" >&5
}

done_testing()
{
	t_ended=1
	[ "$t_count" -gt 0 ] || [ -n "$t_plan" ] || fail 'some test ran'
	[ -n "$t_plan" ] || printf '1..%d\n' "$t_count" >&5
	[ "$t_failed" -eq 0 ] || exit 1
	exit 0
}

# Run a command; leave its code in t_rc, what it wrote in OUT and ERR, and
# pass its output on to where the caller sent it.
t_run()
{
	t_rc=0
	"$@" >"$OUT" 2>"$ERR" 5>&- || t_rc=$?
	cat "$OUT" 5>&-
}

# Did it end of its own will?
t_sane()
{
	[ "$t_rc" -lt 126 ] && [ "$t_rc" -ne 99 ]
}

t_why()
{
	if [ "$t_rc" -gt 128 ]; then
		diag "killed by signal $((t_rc - 128)), want $1"
	else
		diag "exit code $t_rc, want $1"
	fi
	t_show 'standard output' "$OUT"
	t_show 'standard error' "$ERR"
}

ok()
{
	t_title=$1
	shift
	status "$t_title" 0 "$@"
}

status()
{
	t_title=$1 t_want=$2
	shift 2
	t_run "$@"
	if [ "$t_rc" -eq "$t_want" ]; then
		pass "$t_title"
	else
		fail "$t_title" "$*"
		t_why "$t_want"
	fi
}

must_fail()
{
	t_title=$1
	shift
	t_run "$@"
	if [ "$t_rc" -ne 0 ] && t_sane; then
		pass "$t_title"
	else
		fail "$t_title" "$*"
		t_why 'an orderly failure'
	fi
}

t_eval()
(
	eval "$1"
)

check()
{
	status "$1" 0 t_eval "$2"
}

is()
{
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1"
		diag " got: $2"
		diag "want: $3"
	fi
}

same()
{
	if t_diff=$(diff -u "$3" "$2" 2>&1 5>&-); then
		pass "$1"
	else
		fail "$1"
		diag "$(printf '%s\n' "$t_diff" | head -n 60 | cut -c 1-400)"
	fi
}

shared()
{
	[ -d "$ROOT/../shared/data/$1" ] || return 1
	(cd "$ROOT/../shared/data/$1" && pwd)
}

background()
{
	"$@" 5>&- &
	BG_PID=$!
	t_pids="$t_pids $BG_PID"
}

wait_for()
{
	t_left=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1 5>&-; do
		t_left=$((t_left - 1))
		[ "$t_left" -gt 0 ] || return 1
		sleep 0.05
	done
}

t_exit()
{
	t_status=$?
	trap - EXIT
	trap '' HUP INT TERM
	for t_pid in $t_pids; do
		kill "$t_pid" 2>/dev/null || continue
		t_left=60
		while kill -0 "$t_pid" 2>/dev/null; do
			t_left=$((t_left - 1))
			if [ "$t_left" -eq 0 ]; then
				kill -9 "$t_pid" 2>/dev/null
				break
			fi
			sleep 0.05
		done
	done
	if [ -n "$t_plan" ]; then
		[ "$t_count" -eq "$t_plan" ] && [ "$t_failed" -eq 0 ] || t_status=1
	elif [ -z "$t_ended" ]; then
		diag "the test stopped early, exit code $t_status"
		[ "$t_status" -ne 0 ] || t_status=1
	fi
	cd / || :
	if [ -n "${KEEP-}" ]; then
		diag "kept $TMP"
	else
		chmod -R u+rwx "$T_BASE" 2>/dev/null
		rm -rf "$T_BASE"
	fi
	exit "$t_status"
}
trap t_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
