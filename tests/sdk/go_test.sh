#!/bin/sh
# Checks the format of the Go SDK, vets it and tests it against the program that TREADLE names.
#
# The Go is Debian's 1.19 if it is installed: the oldest that the SDK supports. Its standard library is
# compiled already, which newer ones do first, in a minute of processor time. GO=/usr/local/go/bin/go
# takes another; only 1.21 and newer have log/slog and its test. Tests wait more than they compute, so
# more of them run at once than there are cores.
set -eu
cd "$(dirname "$0")/../../sdk/go"
oldest=/usr/lib/go-1.19/bin/go
[ -x "$oldest" ] || oldest=go
PATH="$(dirname "$(command -v "${GO:-$oldest}")"):$PATH" # tests build programs with the same
export PATH GOFLAGS=-buildvcs=false GOTOOLCHAIN=local
: "${TREADLE:?names the program}" "${GOCACHE:=${TREADLE_BUILD:?}/go-cache}"
export GOCACHE
unformatted=$("$(go env GOROOT)/bin/gofmt" -l .)
if [ -n "$unformatted" ]; then
  echo "run gofmt -w on:" "$unformatted"
  exit 1
fi
exec go test -count=1 -vet=all -parallel 12 ./...
