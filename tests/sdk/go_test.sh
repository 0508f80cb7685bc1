#!/bin/sh
# Formats, vets and tests the Go SDK:  go_test.sh GO
set -eu
go=$1
cd "$(dirname "$0")/../../sdk/go"
export GOFLAGS=-buildvcs=false GOTOOLCHAIN=local
: "${GOCACHE:=${TREADLE_BUILD:?}/go-cache}"
export GOCACHE
unformatted=$("$("$go" env GOROOT)/bin/gofmt" -l .)
if [ -n "$unformatted" ]; then
  echo "run gofmt -w on:" "$unformatted"
  exit 1
fi
PATH="$("$go" env GOROOT)/bin:$PATH"  # tests build programs
"$go" vet ./...
exec "$go" test -count=1 ./...
