#!/usr/bin/env bash
# Installs, uses, upgrades, removes and purges the package in a bare Debian 12 root. Fails at the first surprise.
#
#   package_verify.sh TREADLE.deb TREADLE-DEV.deb
#
# Needs root, and debootstrap or apt to install it. Exit status 77 if this machine cannot create such a root. Keeps
# the bare root in ${XDG_CACHE_HOME:-~/.cache}/treadle-package, so that the next run takes seconds.
set -euo pipefail
DEB=$(realpath "$1")
DEV_DEB=$(realpath "$2")
readonly DEB DEV_DEB
say() { printf 'package: %s\n' "$*" >&2; }
# shellcheck source=scripts/bare_root.sh
. "$(dirname "${BASH_SOURCE[0]}")/bare_root.sh"

# The same package with a later version number.
make_newer() {
  local work=$CACHE/newer
  rm -rf "$work"
  dpkg-deb -R "$DEB" "$work"
  sed -i 's/^\(Version: .*\)$/\1+next/' "$work/DEBIAN/control"
  dpkg-deb --root-owner-group -b "$work" "$ROOT/packages/newer.deb" > /dev/null
}

SERVER=''
start_server() {
  chroot --userspec=treadle:treadle "$ROOT" /usr/bin/treadle server --listen "127.0.0.1:$PORT" \
    2>> "$CACHE/server.log" &
  SERVER=$!
  local tries=0
  until treadle info > /dev/null 2>&1; do
    tries=$((tries + 1))
    if [[ $tries -eq 300 ]] || ! kill -0 "$SERVER" 2> /dev/null; then
      tail -5 "$CACHE/server.log" >&2
      exit 1
    fi
    read -rt 0.1 <> <(:) || true
  done
}
stop_server() { # signal
  kill "-$1" "$SERVER"
  wait "$SERVER" 2> /dev/null || true
  SERVER=''
}
treadle() { inside TREADLE_SERVER="http://127.0.0.1:$PORT" TREADLE_TOKEN_FILE=/packages/token treadle "$@"; }

cleanup() {
  if [[ -n $SERVER ]]; then kill -9 "$SERVER" 2> /dev/null || true; fi
  unmount
}
trap cleanup EXIT
make_base bookworm || cannot "debootstrap failed; see $CACHE/debootstrap.log"
make_root bookworm
rm -f "$ROOT/etc/apt/sources.list"
cp -a /etc/apt/sources.list* "$ROOT/etc/apt/" 2> /dev/null || true # the machine's own: it has what the package was built with
cp "$DEB" "$ROOT/packages/treadle.deb"
cp "$DEV_DEB" "$ROOT/packages/treadle-dev.deb"
: > "$CACHE/server.log"
PORT=$(free_port)

say "installing"
inside apt-get update -qq > /dev/null
inside apt-get install -y -qq /packages/treadle.deb > "$CACHE/install.log" 2>&1 || { tail -20 "$CACHE/install.log" >&2 && exit 1; }
expect "the data directory belongs to the user treadle" "treadle:treadle 750" "$(inside stat -c '%U:%G %a' /var/lib/treadle)"
expect "the user cannot log in" /usr/sbin/nologin "$(inside getent passwd treadle | cut -d: -f7)"
expect "the manual and the completions are there" 4 "$(inside sh -c 'ls /usr/share/man/man1/treadle.1.gz \
  /usr/share/bash-completion/completions/treadle /usr/share/zsh/vendor-completions/_treadle \
  /usr/share/fish/vendor_completions.d/treadle.fish' | wc -l)"
expect "the settings are for root and the service alone" "root:treadle 640" "$(inside stat -c '%U:%G %a' /etc/treadle/treadle.toml)"
expect "every library is found" "" "$(inside ldd /usr/bin/treadle | grep 'not found' || true)"

readonly TOKEN=0123456789abcdef0123456789abcdef
sed -i "s/^# token = .*/token = \"$TOKEN\"/" "$ROOT/etc/treadle/treadle.toml"
echo "$TOKEN" > "$ROOT/packages/token"
start_server
for number in 1 2 3; do treadle task enqueue hello "$number" > /dev/null 2>&1; done
stop_server KILL
start_server
expect "tasks survive kill -9" 3 "$(treadle task list --state ready -o jsonl 2> /dev/null | wc -l)"
timeout 60 chroot "$ROOT" /usr/bin/env TREADLE_SERVER="http://127.0.0.1:$PORT" \
  TREADLE_TOKEN_FILE=/packages/token treadle worker exec hello -- cat 2> /dev/null &
WORKER=$!
expect "a worker runs them" 2 "$(treadle task result 1-2 --wait=30s 2> /dev/null)"
kill "$WORKER"
wait "$WORKER" || true

say "upgrading"
make_newer
stop_server TERM
inside dpkg -i /packages/newer.deb > /dev/null
start_server
expect "the newer version runs on the same data" 3 "$(treadle task list --state completed -o jsonl 2> /dev/null | wc -l)"
stop_server TERM

say "removing"
inside dpkg -r treadle > /dev/null 2>&1
expect "remove takes the program" "" "$(inside sh -c 'command -v treadle' || true)"
expect "remove keeps the data" treadle-data "$(inside cut -d' ' -f1 /var/lib/treadle/treadle.data)"
inside dpkg -P treadle > /dev/null 2>&1
expect "purge takes the data, the settings and the user" "" \
  "$(inside sh -c 'ls -d /var/lib/treadle /etc/treadle 2> /dev/null; getent passwd treadle' || true)"
expect "the SDK's package says what it needs" "libsimdjson-dev, libssl-dev, nlohmann-json3-dev" \
  "$(dpkg-deb -f "$DEV_DEB" Depends | tr -d ' ' | tr ',' '\n' | sort | paste -sd, | sed 's/,/, /g')"
say "verified"
