#!/bin/sh
# ss-diff judges many items, whose rows it reads at once, as it judges a few
. "$(dirname "$0")/lib.sh"

export SS_PIPELINE=stock

# known: what the target holds, some in two steps, some with many leaves;
# many: 20,100 items as they are known, so that all rows are read; then rest:
# 4,000 of all kinds, spelled as known (same) or otherwise (other)
perl -e '
	my ($dir, $n) = @ARGV;
	srand(7);
	sub state { my ($i, $p, $l, $more) = @_;
		sprintf("\"fields\":{\"price\":%s,\"barcode\":\"%06d\"%s},\"levels\":{\"main\":{\"available\":%s}}", $p, $i, $more, $l) }
	sub wide { join("", map { sprintf(",\"x%02d\":\"%d\"", $_, $_) } 1 .. 14) }
	sub more { my $i = shift; $i % 50 == 0 ? wide() : "" }
	sub known { my ($k, $i, $e, $set) = @_;
		printf $k "{\"specversion\":\"1.0\",\"id\":\"d%s-%d\",\"source\":\"ss-push\",\"type\":\"ss.delivered\",\"subject\":\"SKU-%d\",\"time\":\"2026-11-20T09:0%d:00.000Z\",\"data\":{\"event\":{\"source\":\"csv:stock\",\"id\":\"e%s-%d\",\"type\":\"item.changed\",\"time\":\"2026-11-20T08:0%d:00.000Z\",\"seq\":%d},\"target\":\"shopify:acme\",\"set\":{%s}}}\n", $e, $i, $i, $e, $e, $i, $e, $i, $set }
	sub item { my ($o, $seq, $i, $state) = @_;
		printf $o "{\"specversion\":\"1.0\",\"id\":\"019aa4b6-4502-759b-a2cc-%012x\",\"source\":\"csv:stock\",\"type\":\"item.observed\",\"subject\":\"SKU-%d\",\"time\":\"2026-11-21T08:00:00.000Z\",\"data\":{\"sku\":\"SKU-%d\",%s,\"at\":{\"row\":%d}},\"sspipeline\":\"stock\",\"ssseq\":%d}\n", $seq, $i, $i, $state, $seq, $seq }
	open(my $k, ">", "$dir/known"); open(my $m, ">", "$dir/many");
	open(my $same, ">", "$dir/same"); open(my $other, ">", "$dir/other");
	for my $i (1 .. $n) {
		my $p = sprintf("\"%d.%d0\"", $i % 90, $i % 10);
		if ($i % 7 == 0) {
			known($k, $i, 1, "\"fields\":{\"price\":\"1.00\",\"title\":\"T$i\"}");
			known($k, $i, 2, state($i, $p, $i % 77, more($i)));
		} elsif ($i % 11 == 0) {
			known($k, $i, 1, state($i, $p, 5, more($i)));
			known($k, $i, 2, "\"levels\":{\"main\":{\"available\":" . $i % 77 . "}}");
		} elsif ($i % 13 == 0) {	# what is told last was true before
			known($k, $i, 3, state($i, $p, $i % 77, more($i)));
			known($k, $i, 2, state($i, "\"55.55\"", $i % 77, more($i)));
		} else {
			known($k, $i, 1, state($i, $p, $i % 77, more($i)));
		}
		item($m, 100000 + $i, $i, state($i, $p, $i % 77, more($i))) if $i <= 20100;
	}
	for my $o ($same, $other) {
		my $seq = 200000;
		srand(9);
		for my $i (20101 .. $n, $n + 1 .. $n + 20) {
			my $what = int(rand(24));
			my $p = sprintf($o == $other ? "%d.%d" : "\"%d.%d0\"", $i % 90, $i % 10);
			$p = "\"99.99\"" if $what == 1;
			$p = "\"55.55\"" if $what == 4;
			my $l = $what == 2 ? $i % 77 + 1 : $i % 77;
			$l = "\"$l.0\"" if $o == $other;
			my $more = more($i) . ($what == 3 ? ",\"colour\":\"red\"" : "");
			item($o, ++$seq, $i, state($i, $p, $l, $more));
		}
	}
' . 24100
ok 'known state is recorded' mklog <known

# What goes on, and the places that are said to be unchanged.
judged()
{
	ss-diff --target shopify:acme | jq -c 'if .type == "ss.unchanged"
	    then .data | if .range then range(.range[0]; .range[1] + 1) else .event.seq end
	    else [.subject, .data.set] end | select(type != "number" or . > 200000)' | sort
}
for how in same other; do
	check "few, spelled $how: each is looked up" "judged <$how >few.$how"
	check "many, spelled $how: all rows are read" "cat many $how | judged >all.$how"
	same "the same is said, spelled $how" few.$how "all.$how"
done
check 'the spelling' 'jq -c "if type == \"array\" then .[0] else . end" few.same >want && jq -c "if type == \"array\" then .[0] else . end" few.other >got'
same 'decides nothing' got want
check 'there is something of both' 'test "$(grep -c "^\[" few.same)" -gt 400 && test "$(grep -vc "^\[" few.same)" -gt 1000'
done_testing
