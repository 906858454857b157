#!/bin/sh
# Installs the named Debian packages that are not there yet.
#   packages.sh NAME...     install what is missing
#   packages.sh --update    fetch apt's lists (at most once a day)
set -eu
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
update() {
	stamp=/var/lib/apt/periodic/ripstation-update
	if [ -n "$(find "$stamp" -mmin -1440 2>/dev/null)" ]; then return; fi
	as_root apt-get -q update >&2
	as_root mkdir -p "$(dirname "$stamp")" && as_root touch "$stamp"
}
[ "${1:-}" = --update ] && { update; exit; }
missing=
for p in "$@"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
echo "installing$missing" >&2
update
log=$(mktemp)
# shellcheck disable=SC2086
if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing >"$log" 2>&1; then
	cat "$log" >&2
	echo "packages: apt-get could not install$missing; the lines above say why" >&2
	exit 1
fi
rm -f "$log"
