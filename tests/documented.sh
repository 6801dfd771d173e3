#!/bin/sh
# Each request code of both dispatch tables has a row in docs/compatibility.md, and each row of code there is served; each honoured
# configuration key is in docs/operations.md.
top=${top_srcdir:-.}
doc=$top/docs/compatibility.md
number_of() { sed -n "s/.*X($1, *\([0-9]*\)).*/\1/p" "$top/remoting/request_code.h" | head -n 1; }
status=0
n=0
echo "1..3"
for name in $(sed -nE 's/.*\b(R|ROUTE|ROUTE_NO_HEADER)\(([A-Z_0-9]+),.*/\2/p' "$top"/src/*/dispatch_table.c); do
    n=$((n + 1))
    grep -q "^| $(number_of "$name") | $name |" "$doc" || { echo "# no row for $name"; status=1; }
done
[ $status -eq 0 ] && [ $n -gt 50 ] && echo "ok 1 - every served code is documented" || echo "not ok 1 - every served code is documented"
lost=0
for name in $(sed -nE 's/^\| [0-9]+ \| ([A-Z_0-9]+) \| served.*/\1/p' "$doc"); do
    grep -qE "(R|ROUTE|ROUTE_NO_HEADER)\($name," "$top"/src/*/dispatch_table.c || { echo "# $name is not served"; lost=1; }
done
[ $lost -eq 0 ] && echo "ok 2 - every documented code is served" || echo "not ok 2 - every documented code is served"
keys=0
unnamed=0
for key in $(sed -nE 's/^HONOURED\([A-Z]+, [a-z0-9_]+, ([A-Za-z0-9]+),.*/\1/p' "$top"/src/*/*_config_keys.def | sort -u); do
    keys=$((keys + 1))
    grep -q "\`$key\`" "$top/docs/operations.md" || { echo "# no mention of $key"; unnamed=1; }
done
[ $unnamed -eq 0 ] && [ $keys -gt 50 ] && echo "ok 3 - every honoured key is in docs/operations.md" || echo "not ok 3 - every honoured key is in docs/operations.md"
