#!/bin/sh
# Lays github.com/jochenvg/go-udev, and the one package it needs, under
# .third_party from Debian's source packages: the module proxy does not serve
# it. docs/decisions/0005-go-udev.md says how to do without this.
set -eu
cd "$(dirname "$0")/.."
dest=.third_party
commit=d6b62d56d37b
[ -f "$dest/go-udev/go.mod" ] && [ -f "$dest/iter/go.mod" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
packages="golang-github-jochenvg-go-udev-dev golang-github-jkeiser-iter-dev"
fetch() { (cd "$work" && apt-get -q download $packages) >"$work/log" 2>&1; }
if ! fetch; then
	scripts/packages.sh --update
	fetch || { cat "$work/log" >&2; echo "go-udev: apt-get cannot download $packages; is the machine on Debian with its network up?" >&2; exit 1; }
fi
for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$work/root"; done

rm -rf "$dest/go-udev" "$dest/iter"
mkdir -p "$dest"
src=$work/root/usr/share/gocode/src/github.com
cp -r "$src/jkeiser/iter" "$dest/iter"
cp -r "$src/jochenvg/go-udev" "$dest/go-udev"
printf 'module github.com/jkeiser/iter\n\ngo 1.21\n' >"$dest/iter/go.mod"
printf 'module github.com/jochenvg/go-udev\n\ngo 1.21\n\nrequire github.com/jkeiser/iter v0.0.0-20200628201005-c8aa0ae784d1\n' >"$dest/go-udev/go.mod"
echo "go-udev: Debian's copy of commit $commit lies in $dest"
