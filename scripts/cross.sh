#!/usr/bin/env bash
# Runs a command in a root of Debian 12 that compiles for another architecture, with this tree at its usual place.
#
#   cross.sh ARCH COMMAND...        (ARCH: arm64)
#
# The root is made on the first call (minutes, about 2 GB) and kept in ${XDG_CACHE_HOME:-~/.cache}/treadle-package/cross-ARCH: some of
# the libraries cannot be installed for two architectures at once, so the machine itself is left alone. It has Debian's cross
# compiler, the libraries of scripts/packages.txt for ARCH, and qemu-user. Needs root; exit status 77 where such a root cannot be made.
set -euo pipefail
# The mounts below are seen by nobody else, and end with this script: who removes the root by hand does not remove the tree.
if [[ -z ${CROSS_NAMESPACE:-} ]]; then exec env CROSS_NAMESPACE=1 unshare --mount "$0" "$@"; fi
HERE=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
readonly HERE ARCH=$1
shift
say() { printf 'cross: %s\n' "$*" >&2; }
ROOT=${XDG_CACHE_HOME:-$HOME/.cache}/treadle-package/cross-$ARCH
# shellcheck source=scripts/bare_root.sh
. "$HERE/bare_root.sh"
TREE=$(realpath "$HERE/..")
readonly TREE

# The libraries of the group build. What is for all architectures is taken as it is. valijson's package would bring every JSON library
# that it can work with; its headers are enough.
libraries() {
  local package
  while read -r _ package _; do
    case $package in
      libvalijson-dev | libstdc++-12-dev | libgcc-12-dev) ;;
      libcli11-dev | nlohmann-json3-dev) echo "$package" ;;
      *-dev) echo "$package:$ARCH" ;;
    esac
  done < <(grep '^build ' "$HERE/packages.txt")
}

fill_root() {
  local packages
  mapfile -t packages < <(libraries)
  packages+=(cmake ninja-build ccache mold dpkg-dev qemu-user-static python3 git)
  packages+=("g++-$(dpkg-architecture -f -a "$ARCH" -qDEB_HOST_GNU_TYPE 2> /dev/null)" "libc6:$ARCH" "libstdc++6:$ARCH")
  echo "deb $(mirror) bookworm main" > "$ROOT/etc/apt/sources.list"
  inside dpkg --add-architecture "$ARCH"
  inside apt-get update -qq
  inside apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "${packages[@]}"
  inside sh -c 'cd /tmp && apt-get download -qq libvalijson-dev && dpkg-deb -x libvalijson-dev_*.deb /'
  inside apt-get clean
}

if [[ ! -e $ROOT/.filled ]]; then
  make_base bookworm || cannot "debootstrap failed; see $CACHE/debootstrap.log"
  make_root bookworm
  say "installing the compiler and libraries for $ARCH (minutes, once)"
  fill_root > "$CACHE/cross.log" 2>&1 || { tail -n 5 "$CACHE/cross.log" >&2 && exit 1; }
  touch "$ROOT/.filled"
else
  mount_root
fi
mkdir -p "$ROOT$TREE"
mount --bind "$TREE" "$ROOT$TREE"
# shellcheck disable=SC2016 # the inner shell expands it
inside TREADLE_UNITY="${TREADLE_UNITY:-}" CCACHE_DIR="$TREE/build/ccache-$ARCH" sh -c 'cd "$1" && shift && exec "$@"' _ "$TREE" "$@"
