#!/bin/sh
# Fetches the Debian packages that hold images of discs and unpacks them below
# .cache/real-images, without installing them.
set -eu
cd "$(dirname "$0")/.."
packages="grub-rescue-pc ipxe memtest86+"
dir=.cache/real-images
for p in $packages; do
	[ -e "$dir/$p" ] && continue
	scripts/packages.sh --update
	tmp=$dir/$p.part
	rm -rf "$tmp" && mkdir -p "$tmp"
	echo "fetching the images of $p" >&2
	if ! (cd "$tmp" && apt-get -q download "$p" >log 2>&1); then
		cat "$tmp/log" >&2
		echo "real-images: apt-get could not download $p; the lines above say why" >&2
		exit 1
	fi
	dpkg-deb -x "$tmp"/*.deb "$tmp/root"
	rm "$tmp"/*.deb
	mv "$tmp" "$dir/$p"
done
