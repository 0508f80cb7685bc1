#!/bin/sh
# Checks the format of the Go SDK, vets it and tests it against the program that TREADLE names.
# Most of a cold run compiles the standard library, once for all of this. Tests wait more than they
# compute, so more of them run at once than there are cores.
set -eu
cd "$(dirname "$0")/../../sdk/go"
export GOFLAGS=-buildvcs=false GOTOOLCHAIN=local
: "${TREADLE:?names the program}" "${GOCACHE:=${TREADLE_BUILD:?}/go-cache}"
export GOCACHE
unformatted=$("$(go env GOROOT)/bin/gofmt" -l .)
if [ -n "$unformatted" ]; then
  echo "run gofmt -w on:" "$unformatted"
  exit 1
fi
exec go test -count=1 -vet=all -parallel 12 ./...
