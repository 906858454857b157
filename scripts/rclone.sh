#!/bin/sh
# Builds the pinned rclone, which make bench-archive measures against, into
# .cache/bin unless it is there, and prints its path.
set -eu
cd "$(dirname "$0")/.."
version=v1.76.0
dest=.cache/bin/rclone-$version
if [ ! -x "$dest" ]; then
	mkdir -p .cache/bin
	work=$(mktemp -d .cache/bin/build.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	echo "rclone: building $version (some minutes, once)" >&2
	if ! CGO_ENABLED=0 GOBIN=$(pwd)/$work go install -ldflags "-s -w" "github.com/rclone/rclone@$version" >"$work/log" 2>&1; then
		cat "$work/log" >&2
		echo "rclone: go could not build $version; is the network up?" >&2
		exit 1
	fi
	mv "$work/rclone" "$dest"
fi
echo "$(pwd)/$dest"
