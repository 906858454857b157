#!/bin/sh
# Builds the pinned versitygw, a real S3 server for the tests, into .cache/bin
# unless it is there, and prints its path.
set -eu
cd "$(dirname "$0")/.."
version=v1.8.0
dest=.cache/bin/versitygw-$version
if [ ! -x "$dest" ]; then
	mkdir -p .cache/bin
	work=$(mktemp -d .cache/bin/build.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	echo "versitygw: building $version (a minute or two, once)" >&2
	if ! CGO_ENABLED=0 GOBIN=$(pwd)/$work go install -ldflags "-s -w" "github.com/versity/versitygw/cmd/versitygw@$version" >"$work/log" 2>&1; then
		cat "$work/log" >&2
		echo "versitygw: go could not build $version; is the network up?" >&2
		exit 1
	fi
	mv "$work/versitygw" "$dest"
fi
echo "$(pwd)/$dest"
