#!/usr/bin/env bash
# Builds the container's image from deploy/Dockerfile, without a daemon and without a registry, and runs the main job in it.
#
#   image_verify.sh [TREADLE.deb]
#
# With a package, the Dockerfile's first stage is left out, which compiles one (minutes). Needs root, and buildah or apt to install
# it. The base image is a bare Debian root (scripts/bare_root.sh). Exit status 77 if this machine can do none of this.
set -euo pipefail
DEB=${1:+$(realpath "$1")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { printf 'image: %s\n' "$*" >&2; }
ROOT=${XDG_CACHE_HOME:-$HOME/.cache}/treadle-package/image-root
# shellcheck source=scripts/bare_root.sh
. scripts/bare_root.sh

STORE=$(mktemp -d "$CACHE/image.XXXXXX")
readonly DEB STORE BASE=localhost/debian:bookworm-slim
images() { command buildah --root "$STORE/root" --runroot "$STORE/run" --storage-driver vfs "$@"; }
# in_container WORDS: as the user of the image, on the machine's network.
in_container() { images run --isolation chroot --network host --env TREADLE_SERVER="http://127.0.0.1:$PORT" treadle -- "$@"; }
cleanup() {
  pkill -9 -f "^/usr/bin/treadle .*[:-]$PORT( |$)" || true # of this port, so this script's own
  images rm --all > /dev/null 2>&1 || true
  unmount
  rm -rf "$STORE" "$ROOT"
}
PORT=none
trap cleanup EXIT

command -v buildah > /dev/null || apt-get install -y -qq --no-install-recommends buildah > /dev/null || cannot "no buildah"
make_base bookworm || cannot "debootstrap failed; see $CACHE/debootstrap.log"
make_root bookworm
unmount
rm -f "$ROOT/etc/apt/sources.list"
cp -a /etc/apt/sources.list* "$ROOT/etc/apt/" # the machine's own mirror

say "making the base image"
images from --name base scratch > /dev/null
images copy -q base "$ROOT" / > /dev/null
images commit -q base "$BASE" > /dev/null
images rm base > /dev/null

context=.
dockerfile=deploy/Dockerfile
if [[ -n $DEB ]]; then
  context=$STORE/context
  dockerfile=$context/Dockerfile
  mkdir "$context"
  cp "$DEB" "$context/treadle_given.deb"
  awk '/^FROM/ && ++stage == 1 { print "FROM scratch AS build\nCOPY treadle_given.deb /treadle/build/package/"; next }
       stage != 1' deploy/Dockerfile > "$dockerfile"
fi
say "building the image"
images build --isolation chroot --network host --pull-never --format docker -q -f "$dockerfile" -t treadle "$context" > /dev/null

images from --name treadle --pull-never localhost/treadle > /dev/null
config() { images inspect --format "{{$1}}" treadle; }
expect "user" treadle "$(config .Docker.Config.User)"
expect "entry point" "[/usr/bin/treadle]" "$(config .Docker.Config.Entrypoint)"
expect "health check" "[treadle info]" "$(config .Docker.Config.Healthcheck.Test | sed 's/\[CMD /[/')"
expect "signal that stops it" SIGTERM "$(config .Docker.Config.StopSignal)"

PORT=$(free_port)
words=$(config .Docker.Config.Cmd | tr -d '[]')
start() { # the image's own command, on a free port
  # shellcheck disable=SC2086 # words are split on purpose
  in_container /usr/bin/treadle ${words//7373/$PORT} >> "$STORE/server.log" 2>&1 8>&- &
  job=$!
  local tries=0
  until in_container treadle info > /dev/null 2>&1; do
    tries=$((tries + 1))
    [[ $tries -lt 60 ]] || { tail -n 5 "$STORE/server.log" >&2 && exit 1; }
    read -rt 0.5 <> <(:) || true
  done
  SERVER=$(pgrep -f "^/usr/bin/treadle ${words//7373/$PORT}")
}
stop() {
  kill -TERM "$SERVER"
  wait "$job"
}

start
say "ok: the health check finds the server"
expect "user of the process" treadle "$(in_container id -un)"
in_container /usr/bin/treadle worker exec "hello-$PORT" -- tr a-z A-Z > "$STORE/worker.log" 2>&1 8>&- &
expect "result" '{"NAME":"ADA"}' "$(in_container treadle enqueue "hello-$PORT" '{"name":"Ada"}' --wait=50s 2> /dev/null)"
kill "$(pgrep -f "^/usr/bin/treadle worker exec hello-$PORT ")"
wait "$!"
id=$(in_container treadle enqueue kept)
stop
start
answer=$(in_container treadle task get "$id" -o json 2>&1) || true
grep -q '"state": *"ready"' <<< "$answer" || { say "after a restart: $answer" && exit 1; }
say "ok: the task is there after a restart"
stop
say "ok: the image was built from deploy/Dockerfile${DEB:+, with the given package,} and does its job"
