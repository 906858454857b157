# Each target works alone on a fresh clone: it installs and sets up what it
# needs. What they make is git-ignored; clean removes it.

VERSION ?= $(shell git describe --tags --exact-match 2>/dev/null)
COMMIT  := $(shell git describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null)
LDFLAGS := $(if $(VERSION),-X main.version=$(VERSION)) $(if $(COMMIT),-X main.commit=$(COMMIT))

.PHONY: build demo test e2e soak kill-matrix nights bench messages setup clean

build: setup
	go build -trimpath -ldflags "$(LDFLAGS)" -o bin/ripstation ./cmd/ripstation

# make demo DISC=path.iso puts that image in the drive.
demo: build
	bin/ripstation demo $(if $(DISC),--disc "$(DISC)")

# Everything but the bench without hardware. Of the nights it plays 30.
# Stations that are killed over and over run without the race detector: it makes
# each start five times as long and sees nothing there that it does not elsewhere.
killed := ^TestKilled(AtEveryCrashPoint|AtEveryPart|Twice|WhileComparing)$$
test: setup
	scripts/packages.sh xorriso genisoimage udftools hfsutils isomd5sum p7zip-full unzip gddrescue eject sqlite3 coreutils util-linux systemd udev attr
	scripts/real-images.sh
	scripts/versitygw.sh
	scripts/seaweedfs.sh
	go vet ./...
	@unformatted=$$(find . -name '*.go' -not -path './.*' -exec gofmt -l {} +); \
		if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go test -race -count=1 -timeout 45m -skip '$(killed)' $$(go list ./... | grep -v -e '^ripstation/e2e' -e '/killmatrix$$' -e '/nights$$')
	go test -count=1 -timeout 20m -run '$(killed)' ./station
	go test -count=1 -timeout 20m ./archive/archivetest/killmatrix ./internal/nights

# The bench without hardware: a guest kernel, simulated drives, a real S3 server.
e2e: build
	scripts/e2e-bench.sh
	scripts/versitygw.sh
	go test -v -count=1 -timeout 70m ./e2e/...

# Four drives, 24 discs, an operator and all that goes wrong in a day, on the
# same bench: SEEDS days from SEED on. make e2e lives through the first one.
SEED ?= 1
SEEDS ?= 1
soak: build
	scripts/e2e-bench.sh
	scripts/versitygw.sh
	SEED=$(SEED) SEEDS=$(SEEDS) go test -v -count=1 -timeout 0 -run '^TestSoak$$' ./e2e

# An upload of 40 parts whose client, or server, is killed at every request.
kill-matrix: setup
	scripts/versitygw.sh
	scripts/seaweedfs.sh
	RIPSTATION_KILL_MATRIX=all go test -v -count=1 -timeout 3h ./archive/archivetest/killmatrix

# Nights of a bench in virtual time, drawn from SEED on, with every fault; and
# 10,000 insertions that leave nothing behind. What fails is shrunk and printed.
NIGHTS ?= 1000
SEED ?= 1
nights: setup
	NIGHTS=$(NIGHTS) SEED=$(SEED) INSERTIONS=10000 go test -v -count=1 -timeout 6h ./internal/nights

# All figures of BENCHMARKS.md, or one of them: make bench-NAME.
bench: setup
	scripts/bench.sh

bench-%: setup
	scripts/bench.sh $*

# docs/messages.md is made from the code. It says what lacks its "what to do".
messages:
	go run ./internal/messages/write

setup:
	@scripts/packages.sh gcc libc6-dev libudev-dev pkg-config
	@scripts/go-udev.sh

clean:
	rm -rf bin demo results .cache .third_party
