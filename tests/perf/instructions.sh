#!/bin/sh
# Instructions of one send, pull and heartbeat against tests/perf/budget.txt. TAP on standard output.
set -u
budget=${top_srcdir:-.}/tests/perf/budget.txt
program=${top_builddir:-.}/tests/perf/hot_path
out=$(mktemp -d) || exit 99
trap 'rm -rf "$out"' EXIT

command -v valgrind >/dev/null || { echo "1..0 # SKIP valgrind is not installed"; exit 0; }
reason=$("$program" send)
status=$?
[ $status -eq 77 ] && { echo "1..0 # SKIP $reason"; exit 0; }
[ $status -eq 0 ] || { echo "Bail out! $program send fails with status $status"; exit 1; }

number=0
failed=0
while read -r name most rest; do
	case $name in '' | '#'*) continue ;; esac
	number=$((number + 1))
	count=$(TMPDIR=$out valgrind -q --tool=callgrind --callgrind-out-file="$out/$name" --toggle-collect=measured_turn \
		"$program" "$name" 2>"$out/errors") || count=
	total=$(sed -n 's/^totals: //p' "$out/$name" 2>/dev/null)
	if [ -z "$count" ] || [ -z "$total" ] || [ "$total" -eq 0 ]; then
		failed=1
		echo "not ok $number - $name could not be counted"
		sed 's/^/# /' "$out/errors"
		continue
	fi
	each=$((total / count))
	[ $each -le "$most" ] && word=ok || { word='not ok' && failed=1; }
	echo "$word $number - $name: $each instructions, budget $most"
	# A budget that is far too wide hides the next regression.
	[ $((each * 100)) -ge $((most * 70)) ] || echo "# $name takes much less than its budget: lower it"
done <"$budget"
[ $number -eq 3 ] || { echo "not ok $((number + 1)) - the budget has three lines"; failed=1; number=$((number + 1)); }
echo "1..$number"
exit $failed
