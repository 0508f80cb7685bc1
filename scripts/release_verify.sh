#!/usr/bin/env bash
# Installs what a release consists of in bare roots of several releases of Debian, runs the two-minute example of each SDK there,
# and fails at the first surprise.
#
#   release_verify.sh DIST [SUITE...]      (default: bookworm, for which it must work, trixie and bullseye)
#
# A suite whose glibc is too old must say so. A suite that the mirror does not have is left out, with a line. Needs root, and the
# compiler of the TypeScript SDK (`./dev setup release`); exit status 77 where this machine cannot make such roots. The first run
# takes minutes for each suite. Roots, with Python, Node and Go, are kept in ${XDG_CACHE_HOME:-~/.cache}/treadle-package.
set -euo pipefail
HERE=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
DIST=$(realpath "$1")
readonly HERE DIST
shift
SUITES=("${@:-bookworm}")
[[ $# -gt 0 ]] || SUITES+=(trixie bullseye)
readonly GLIBC_WANTED=2.34
SUITE=''
say() { printf 'release: %s\n' "${SUITE:+$SUITE: }$*" >&2; }
# shellcheck source=scripts/bare_root.sh
. "$HERE/bare_root.sh"
readonly LOG=$CACHE/verify.log EXAMPLES=$HERE/../sdk

PROCESSES=()
# background WORD...: inside, until cleanup; its output goes to the log.
background() {
  chroot "$ROOT" /usr/bin/env -i HOME=/tmp PATH="$PATH_INSIDE" LANG=C.UTF-8 TREADLE_SERVER="http://127.0.0.1:$PORT" "$@" >> "$LOG" 2>&1 &
  PROCESSES+=($!)
}
stop_all() { # signal; KILL without one
  local each
  for each in "${PROCESSES[@]}"; do kill "-${1:-KILL}" "$each" 2> /dev/null || true; done
  wait "${PROCESSES[@]}" 2> /dev/null || true
  PROCESSES=()
}
cleanup() {
  stop_all
  unmount
}
trap cleanup EXIT
trap 'say "line $LINENO failed; $LOG has more"' ERR
PATH_INSIDE=/usr/sbin:/usr/bin:/sbin:/bin

run() { inside PATH="$PATH_INSIDE" TREADLE_SERVER="http://127.0.0.1:$PORT" "$@" 2>> "$LOG"; }
in_dir() { # directory, command line
  run sh -c "cd $1 && $2"
}

# start DIR WORD...: a server by these words, with data of its own.
start() {
  local data=$1 tries=0
  shift
  PORT=$(free_port)
  background "$@" --listen "127.0.0.1:$PORT" --data "$data"
  until [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT/readyz") == 200 ]]; do
    tries=$((tries + 1))
    [[ $tries -lt 300 ]] || { tail -5 "$LOG" >&2 && exit 1; }
    read -rt 0.1 <> <(:) || true
  done
}

# The root SUITE-tools: with what the SDKs need.
make_tools() {
  [[ ! -e $CACHE/$SUITE-tools/.tools ]] || return 0
  say "installing Python, Node and Go in it (minutes, once)"
  make_root "$SUITE"
  echo "deb $(mirror) $SUITE main" > "$ROOT/etc/apt/sources.list"
  inside apt-get update -qq > "$LOG" 2>&1
  inside apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "$@" >> "$LOG" 2>&1 || { tail -5 "$LOG" >&2 && exit 1; }
  inside apt-get clean
  unmount
  touch "$ROOT/.tools"
  rm -rf --one-file-system "$CACHE/$SUITE-tools"
  mv "$ROOT" "$CACHE/$SUITE-tools"
}
use_root() { # base
  make_root "$1"
  cp "$DIST"/* "$ROOT/packages/"
}

archive_works() {
  use_root "$SUITE" # nothing is installed in it
  run tar xzf "/packages/treadle-$VERSION-linux-amd64.tar.gz" -C /opt --strip-components=1
  PATH_INSIDE=/opt/bin:$PATH_INSIDE
  expect "the archive's program starts where nothing is installed" "treadle $VERSION" "$(run treadle version)"
  start /data treadle start
  local number
  for number in 1 2 3; do run treadle task enqueue shout "{\"n\":$number}" > /dev/null; done
  stop_all
  start /data treadle start
  expect "tasks survive kill -9" 3 "$(run treadle task list --state ready -o jsonl | wc -l)"
  background treadle worker exec shout -- tr a-z A-Z
  expect "a worker runs them" '{"N":2}' "$(run treadle task result 1-2 --wait=30s)"
  stop_all
}

python_works() {
  run python3 -m venv /venv
  run /venv/bin/pip install -q --no-index "/packages/$WHEEL" > /dev/null
  PATH_INSIDE=/venv/bin:$PATH_INSIDE
  expect "pip install brings the program" "treadle $VERSION" "$(run treadle version)"
  mkdir "$ROOT/python"
  cp "$EXAMPLES/python/examples/app.py" "$ROOT/python/"
  start /python/data treadle start
  background sh -c 'cd /python && exec treadle-worker app:app'
  expect "the example of Python" "1-1 a-300.png" "$(in_dir /python 'python3 app.py')"
  stop_all
}

npm_works() {
  mkdir "$ROOT/npm"
  node "$HERE/../build/typescript/node_modules/typescript/bin/tsc" --noCheck --noResolve --target es2022 --module esnext \
    --outDir "$ROOT/npm" --ignoreConfig --rootDir "$EXAMPLES/typescript/examples" "$EXAMPLES/typescript/examples/app.ts" >&2
  echo '{"type": "module"}' > "$ROOT/npm/package.json"
  in_dir /npm "npm install --offline --no-audit --no-fund /packages/treadle-$VERSION.tgz /packages/treadle-linux-x64-$VERSION.tgz" > /dev/null
  expect "npm install brings the program" "treadle $VERSION" "$(in_dir /npm 'npx --offline treadle version')"
  start /npm/data sh -c 'cd /npm && exec node_modules/.bin/treadle start "$@"' _
  background sh -c 'cd /npm && exec node app.js work'
  expect "the example of TypeScript" "1-1 a-300.png" "$(in_dir /npm 'node app.js')"
  stop_all TERM # the command of npm passes it on to the program, which is a process of its own
}

go_works() {
  mkdir "$ROOT/go"
  run python3 -m zipfile -e "/packages/treadle-go-v$VERSION.zip" /go
  cp "$EXAMPLES/go/examples/resize/main.go" "$ROOT/go/"
  run mv "/go/treadle@v$VERSION" /go/sdk # go 1.19 takes what follows an @ for a version
  in_dir /go "go mod init example && go mod edit -require=treadle@v$VERSION -replace=treadle=./sdk && go build -o resize ."
  start /go/data treadle start
  background /go/resize worker
  expect "the example of Go" "1-1 a-300.png" "$(in_dir /go ./resize)"
  stop_all
}

# refusal WORD...: what a command that fails has to say.
refusal() {
  if inside "$@" 2>&1; then say "it worked: $*"; fi
}
old_glibc_is_named() {
  use_root "$SUITE-tools"
  run tar xzf "/packages/treadle-$VERSION-linux-amd64.tar.gz" -C /opt --strip-components=1
  expect "the program names the glibc that it needs" 1 \
    "$(refusal /opt/bin/treadle version | grep -c "version .GLIBC_$GLIBC_WANTED. not found")"
  run python3 -m venv /venv
  expect "pip refuses the wheel with the program" 1 \
    "$(refusal /venv/bin/pip install --no-index "/packages/$WHEEL" | grep -c 'not a supported wheel on this platform')"
  run /venv/bin/pip install -q --no-index "/packages/treadle-$VERSION-py3-none-any.whl" > /dev/null
  expect "the wheel without it names that glibc" 1 "$(refusal /venv/bin/treadle start | grep -c "glibc $GLIBC_WANTED")"
}

VERSION=$(basename "$DIST"/treadle_*_amd64.deb | cut -d_ -f2)
WHEEL=$(basename "$DIST"/treadle-*manylinux*_x86_64.whl)
readonly VERSION WHEEL
PORT=0
mkdir -p "$CACHE"
for SUITE in "${SUITES[@]}"; do
  : > "$LOG"
  PATH_INSIDE=/usr/sbin:/usr/bin:/sbin:/bin
  if ! make_base "$SUITE"; then
    [[ $SUITE != bookworm ]] || cannot "debootstrap failed; see $CACHE/debootstrap.log"
    say "not tried: the mirror does not have it"
    continue
  fi
  make_root "$SUITE"
  glibc=$(inside ldd --version | sed -n '1s/.* //p')
  say "glibc $glibc"
  if [[ $(printf '%s\n' "$glibc" $GLIBC_WANTED | sort -V | head -1) != "$GLIBC_WANTED" ]]; then
    make_tools python3-venv
    old_glibc_is_named
    continue
  fi
  archive_works
  make_tools python3-venv nodejs npm golang-go
  use_root "$SUITE-tools"
  PATH_INSIDE=/usr/sbin:/usr/bin:/sbin:/bin
  python_works
  npm_works
  go_works
done
SUITE=''
say "verified"
