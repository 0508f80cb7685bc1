#!/bin/sh
# Checks the format of the Go SDK, vets it and tests it against the program that TREADLE names.
set -eu
cd "$(dirname "$0")/../../sdk/go"
export GOFLAGS=-buildvcs=false GOTOOLCHAIN=local
: "${GOCACHE:=${TREADLE_BUILD:?}/go-cache}"
export GOCACHE
unformatted=$("$(go env GOROOT)/bin/gofmt" -l .)
if [ -n "$unformatted" ]; then
  echo "run gofmt -w on:" "$unformatted"
  exit 1
fi
go vet ./...
exec go test -count=1 ./...
