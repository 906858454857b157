#!/bin/sh
# Takes the figures of BENCHMARKS.md: all of them, or those named.
#   bench.sh [NAME...]      QUICK=1 only tries the bench itself; archive: ROUNDS=N
set -eu
cd "$(dirname "$0")/.."
mkdir -p .cache/bench
scripts/packages.sh xorriso genisoimage p7zip-full openssl
case " ${*:-archive} " in *" archive "*)
	scripts/packages.sh gddrescue awscli eject gcc libc6-dev coreutils xfsprogs util-linux
	scripts/versitygw.sh >/dev/null
	scripts/rclone.sh >/dev/null
esac
commit=$(git describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null) || commit=
go build -ldflags "-X main.commit=$commit" -o .cache/bench/bench ./internal/bench
[ "$(id -u)" = 0 ] || exec .cache/bench/bench "$@"
exec unshare --mount .cache/bench/bench "$@" # what it mounts goes with it
