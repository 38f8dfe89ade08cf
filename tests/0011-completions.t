#!/bin/sh
# completions are what scripts/gen-completions makes, load, and offer all options
. "$(dirname "$0")/lib.sh"

set -- "$ROOT"/cmd/ss-*.c
[ -e "$1" ] || skip_all 'there are no programs yet'

ok 'they can be made' sh "$ROOT/scripts/gen-completions" "$TMP/made"
check 'the ones kept are the ones made' 'diff -r "$ROOT/completions" made'

for src in "$@"; do
	p=$(basename "$src" .c)
	"$p" --help >help </dev/null
	# Long options without their value, short ones, verbs.
	sed -n '/^options:/,/^$/p' help | grep -oE '^ +(-[A-Za-z0-9](,|  | [A-Z]))?( *--[a-z0-9-]+)?' |
	    grep -oE -e '-[A-Za-z0-9-]+' >options
	sed -n '/^verbs:/,/^$/s/^  \([a-z][a-z0-9-]*\) .*/\1/p' help >verbs
	LC_ALL=C sort -u options -o options
	LC_ALL=C sort -u verbs -o verbs

	if command -v bash >/dev/null; then
		cat >ask.bash <<-'ASK'
			set -u
			. "$1"
			complete -p "$2" >/dev/null || exit 1
			fn=_${2//-/_}
			COMP_WORDS=("$2" "$3") COMP_CWORD=1
			"$fn" "$2" "$3" "$2" || exit 1
			printf '%s\n' "${COMPREPLY[@]}"
		ASK
		bash --norc --noprofile ask.bash "$ROOT/completions/bash/$p" "$p" - >got.raw 2>got.err
		sed 's/=$//' got.raw | LC_ALL=C sort -u >got
		is "$p: bash loads it without a word" "$(cat got.err)" ''
		same "$p: bash offers the options" got options
		if [ -s verbs ]; then
			bash --norc --noprofile ask.bash "$ROOT/completions/bash/$p" "$p" '' | LC_ALL=C sort -u >got
			same "$p: bash offers the verbs" got verbs
		fi
	else
		skip "$p: bash" 'no bash here'
	fi

	if command -v zsh >/dev/null; then
		# A real zsh at a terminal of its own, whose widgets print the matches.
		cat >ask.zsh <<-'ASK'
			zmodload zsh/zpty || exit 3
			zpty z zsh -f -i
			zpty -w z 'PROMPT= RPROMPT= PS2=; unsetopt zle_bracketed_paste 2>/dev/null; stty -echo'
			zpty -w z "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
			zpty -w z 'list() { compadd() {
				local -a dsp hits
				if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
				builtin compadd -A hits "$@"; local h; for h in $hits; do print -r -- "HIT $h"; done
				builtin compadd "$@" }; compstate[insert]= ; _main_complete; print -r -- "HIT-END"; unfunction compadd }'
			zpty -w z 'zle -C list complete-word list; bindkey "^X" list; print -r -- READ""Y'
			zpty -r z line '*READY*' || exit 3
			zpty -n -w z "$2 $3"$'\C-X'
			zpty -r z line '*HIT-END*' || exit 3
			print -r -- "$line"
			zpty -d z
		ASK
		ask_zsh()
		{
			timeout 60 zsh -f ask.zsh "$ROOT/completions/zsh" "$p" "$1" 2>&1 | tr -d '\r' |
			    sed -n 's/^.*HIT \(.*\)$/\1/p'
		}
		is "$p: zsh reads it" "$(zsh -f -n "$ROOT/completions/zsh/_$p" 2>&1)" ''
		ask_zsh - >got.raw
		sed 's/=$//' got.raw | LC_ALL=C sort -u >got
		same "$p: zsh offers the options" got options
		if [ -s verbs ]; then
			ask_zsh '' | LC_ALL=C sort -u >got
			same "$p: zsh offers the verbs" got verbs
		fi
	else
		skip "$p: zsh" 'no zsh here'
	fi
done

done_testing
