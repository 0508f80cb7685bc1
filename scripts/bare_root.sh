# Bare Debian roots to try packages in; read by those that do (source). Needs root, and debootstrap or what apt gives. Roots are kept in
# $CACHE, so that a second run takes seconds.
# shellcheck shell=bash
readonly CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/treadle-package
readonly ROOT=${ROOT:-$CACHE/root} # the one in use

mkdir -p "$CACHE"
exec 8> "$ROOT.lock" # until the end: two runs in one root would remove each other's files
flock -n 8 || { say "another run uses $ROOT" && exit 1; }

cannot() { # exit status 77: this machine cannot make such a root
  say "not verified: $*"
  exit 77
}
mirror() {
  local found
  found=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/*.sources 2> /dev/null || true)
  [[ -n $found ]] || found=$(awk '$1 == "deb" {print $2; exit}' /etc/apt/sources.list)
  echo "$found"
}

# make_base SUITE: $CACHE/SUITE, from the machine's own mirror; fails where that has no such release.
make_base() {
  local base=$CACHE/$1
  [[ ! -e $base/.done ]] || return 0
  [[ $(id -u) -eq 0 ]] || cannot "a fresh root needs root rights"
  command -v debootstrap > /dev/null || apt-get install -y -qq debootstrap > /dev/null || cannot "no debootstrap"
  say "making a bare root of Debian's $1 (a minute, once)"
  rm -rf "$base"
  mkdir -p "$CACHE"
  debootstrap --variant=minbase --include=ca-certificates "$1" "$base" "$(mirror)" > "$CACHE/debootstrap.log" 2>&1 || return 1
  touch "$base/.done"
}

unmount() {
  local point
  for point in dev proc; do
    if mountpoint -q "$ROOT/$point"; then umount -l "$ROOT/$point"; fi
  done
}

# make_root BASE: a copy of $CACHE/BASE, which reaches what the machine reaches, with its certificates.
make_root() {
  unmount
  rm -rf --one-file-system "$ROOT"
  cp -a "$CACHE/$1" "$ROOT"
  cp -a /etc/apt/apt.conf.d "$ROOT/etc/apt/" 2> /dev/null || true
  cp -a /usr/share/keyrings/. "$ROOT/usr/share/keyrings/"
  cp -a /etc/ssl/certs/. "$ROOT/etc/ssl/certs/"
  cp -aL /usr/local/share/ca-certificates "$ROOT/usr/local/share/" 2> /dev/null || true
  cp -aL /etc/hosts /etc/resolv.conf "$ROOT/etc/"
  mkdir -p "$ROOT/packages"
  mount_root
}
mount_root() {
  mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc" 2> /dev/null || cannot "this machine lets nobody mount"
  mountpoint -q "$ROOT/dev" || mount --rbind /dev "$ROOT/dev"
}

inside() {
  chroot "$ROOT" /usr/bin/env -i HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

free_port() {
  /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

expect() { # what, wanted, got
  [[ $2 == "$3" ]] || { say "$1: wanted '$2', got '$3'" && exit 1; }
  say "ok: $1"
}
