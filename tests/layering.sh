#!/bin/sh
# Dependencies point downwards only (docs/architecture.md): an upward #include fails here. TAP on standard output.
#
#   bench, admin, shells -> broker, namesrv -> store -> base
#                           broker, namesrv -> remoting -> base           remoting and store never see each other
#   uv.h: only where sockets and threads are (the list below); cores never include it.
set -u
cd "${top_srcdir:-$(dirname "$0")/..}" || exit 99
number=0
failed=0

check() { # description, offending lines
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		failed=1
		echo "not ok $number - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}

# Lines "file:include" of the sources in a folder whose include path matches a pattern.
includes() { # folder, extended pattern of what is between the quotes or brackets
	find "$1" -name '*.[ch]' -exec grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]+[\"<]($2)" {} + 2>/dev/null
}

count=$(find src remoting -name '*.[ch]' | wc -l)
[ "$count" -gt 50 ] && seen='' || seen="only $count source files under src and remoting: wrong folder?"
check "the sources are here" "$seen"

check "base includes no other layer" "$(includes src/base '(remoting|store|namesrv|broker|admin|bench)/')"
check "remoting includes base only" "$(includes remoting '(store|namesrv|broker|admin|bench)/')"
check "store includes base only" "$(includes src/store '(remoting|namesrv|broker|admin|bench)/')"
check "namesrv includes neither broker nor tools" "$(includes src/namesrv '(broker|admin|bench)/')"
# mqbroker --standalone runs a name server inside: only its program file may know.
check "the broker's core does not include the name server" \
	"$(includes src/broker '(namesrv|admin|bench)/' | grep -vE '^src/broker/(main|[a-z_]*_shell)\.[ch]:')"
check "nothing includes a test" "$(includes src 'tests/'; includes remoting 'tests/')"
check "includes are written from the root" \
	"$(includes src '\.\.?/'; includes remoting '\.\.?/')"

# uv.h may be reached from here, directly or through the headers that have it.
uv_files='^(src/base/(loop|uv_executor|program)\.[ch]|remoting/(conn|conn_peer|net_[a-z]+|server|client|resolver)\.[ch]|src/(broker|namesrv|admin)/(main|[a-z]+_shell)\.[ch]|src/bench/[a-z_]+\.[ch]):'
uv_headers=$(
	grep -lE '^[[:space:]]*#[[:space:]]*include[[:space:]]+[<"](uv\.h|base/loop\.h|remoting/conn(_peer)?\.h)' src/*/*.h remoting/*.h |
		sed -E 's,^src/,,; s,\.h$,,' | tr '\n' '|'
)
check "uv.h stays in loop, executor, connections and programs" \
	"$(
		{ includes src "uv\.h|(${uv_headers%|})\.h"; includes remoting "uv\.h|(${uv_headers%|})\.h"; } | grep -vE "$uv_files"
	)"

echo "1..$number"
exit $failed
