#!/bin/sh
# Builds the pinned SeaweedFS, a second S3 server for the tests that shares no
# code with the first, into .cache/bin unless it is there, and prints its path.
set -eu
cd "$(dirname "$0")/.."
version=v0.0.0-20261109003541-7506e5f91cd6
dest=.cache/bin/seaweedfs-$version
if [ ! -x "$dest" ]; then
	mkdir -p .cache/bin
	work=$(mktemp -d .cache/bin/build.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	echo "seaweedfs: building $version (some minutes, once)" >&2
	# Its go.mod replaces a module, so go install takes it from no other place
	# than its own.
	if ! dir=$(go mod download -json "github.com/seaweedfs/seaweedfs@$version" 2>"$work/log" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p') ||
		! (cd "$dir" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -ldflags "-s -w" -o "$OLDPWD/$work/weed" ./weed) >>"$work/log" 2>&1; then
		cat "$work/log" >&2
		echo "seaweedfs: go could not build $version; is the network up?" >&2
		exit 1
	fi
	mv "$work/weed" "$dest"
fi
echo "$(pwd)/$dest"
