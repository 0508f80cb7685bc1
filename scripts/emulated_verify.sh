#!/usr/bin/env bash
# Runs a program for another architecture through its main job under qemu-user: start, enqueue, kill -9, start again, run a worker.
#
#   cross.sh arm64 scripts/emulated_verify.sh qemu-aarch64-static build/arm64/portable/treadle
set -euo pipefail
readonly EMULATOR=$1 PROGRAM=$2
DIR=$(mktemp -d)
SERVER='' WORKER=''
cleanup() {
  kill -9 $SERVER $WORKER 2> /dev/null || true
  wait $SERVER $WORKER 2> /dev/null || true
  rm -rf "$DIR"
}
trap cleanup EXIT
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export TREADLE_SERVER=http://127.0.0.1:$PORT

treadle() { "$EMULATOR" "$PROGRAM" "$@"; }
start() {
  "$EMULATOR" "$PROGRAM" start --listen "127.0.0.1:$PORT" --data "$DIR/data" > "$DIR/server.log" 2>&1 &
  SERVER=$!
  local tries=0
  until treadle info > /dev/null 2>&1; do
    tries=$((tries + 1))
    if [[ $tries -eq 200 ]] || ! kill -0 "$SERVER" 2> /dev/null; then
      cat "$DIR/server.log" >&2
      exit 1
    fi
  done
}
expect() { # what, wanted, got
  [[ $2 == "$3" ]] || { echo "emulated: $1: wanted '$2', got '$3'" >&2 && exit 1; }
  echo "emulated: ok: $1" >&2
}

readelf -h "$PROGRAM" | sed -n 's/^ *Machine: */emulated: /p' >&2
treadle version >&2
start
for number in 1 2 3; do treadle task enqueue shout "{\"n\":$number}" > /dev/null 2>&1; done
kill -9 "$SERVER"
wait "$SERVER" 2> /dev/null || true
start
expect "tasks survive kill -9" 3 "$(treadle task list --state ready -o jsonl 2> /dev/null | wc -l)"
"$EMULATOR" "$PROGRAM" worker exec shout -- tr a-z A-Z 2> /dev/null &
WORKER=$!
expect "a worker runs them" '{"N":2}' "$(treadle task result 1-2 --wait=60s 2> /dev/null)"
echo "emulated: verified" >&2
