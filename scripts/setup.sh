#!/usr/bin/env bash
# Installs what is missing of the named groups of scripts/packages.txt (build, test, lint, fuzz, package, release; all of these by
# default; and peers-*, whose services it leaves off: `./dev peers` starts servers of its own).
# Then what scripts/requirements-GROUP.txt pins, with pip and its own configuration, into build/python; and, with the groups
# test and release, what sdk/typescript/package-lock.json pins, with npm and its own configuration, into build/typescript; and,
# with test, Express likewise into build/express.
# Quick when nothing is missing: one dpkg-query and no network. Called by ./dev; messages go to stderr.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

groups=" $* "
[[ $# -gt 0 && $groups != *" all "* ]] || groups=" build test lint fuzz package release "

# The environment says in `pinned` what is in it, so that nobody has to ask pip.
install_python() {
  local scripts environment pinned=()
  scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  environment=$scripts/../build/python
  local group
  for group in $groups; do
    if [[ -f $scripts/requirements-$group.txt ]]; then pinned+=("$scripts/requirements-$group.txt"); fi
  done
  [[ ${#pinned[@]} -gt 0 ]] || return 0
  if cat "${pinned[@]}" | cmp -s - "$environment/pinned"; then return 0; fi
  say "setup: installing schemathesis, Django, FastAPI and Flask into build/python"
  mkdir -p "$(dirname "$environment")"
  rm -rf "$environment"
  if ! { /usr/bin/python3 -m venv "$environment" &&
    "$environment/bin/pip" install --quiet --disable-pip-version-check "${pinned[@]/#/--requirement=}"; } >&2; then
    say "setup: pip could not install what ${pinned[*]} names; it needs a package index (see: pip config list)"
    return 1
  fi
  cat "${pinned[@]}" > "$environment/pinned"
}

# What sdk/typescript compiles with, and the framework of a recipe, each in a directory of its own.
install_node() {
  local root
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  if [[ $groups == *" test "* || $groups == *" release "* ]]; then
    install_locked "$root/sdk/typescript" "$root/build/typescript" "the TypeScript compiler"
  fi
  [[ $groups == *" test "* ]] || return 0
  install_locked "$root/examples/recipes/express" "$root/build/express" Express
}

# install_locked FROM INTO WHAT: the packages that FROM/package-lock.json pins. The lock file beside what npm installed says
# what that is, so that nobody has to ask npm.
install_locked() {
  local from=$1 into=$2
  if cmp -s "$from/package-lock.json" "$into/installed"; then return 0; fi
  say "setup: installing $3 into ${into#"${into%/build/*}/"}"
  mkdir -p "$into"
  cp "$from/package.json" "$from/package-lock.json" "$into"
  if ! npm ci --prefix "$into" --ignore-scripts --no-audit --no-fund --silent >&2; then
    say "setup: npm could not install what $from/package-lock.json names; it needs a registry (see: npm config list)"
    return 1
  fi
  cp "$from/package-lock.json" "$into/installed"
}

packages=()
while read -r group package _; do
  if [[ $groups == *" $group "* ]]; then packages+=("$package"); fi
done < "$(dirname "${BASH_SOURCE[0]}")/packages.txt"

if ! command -v dpkg-query > /dev/null; then
  say "setup: this machine has no Debian packages; install the counterparts of: ${packages[*]}"
  exit 1
fi

# dpkg-query exits with 1 for an unknown package. Here that is an answer and not an error.
state=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2> /dev/null || true)
missing=()
for package in "${packages[@]}"; do
  if [[ $'\n'$state$'\n' == *$'\n'"installed $package"$'\n'* ]]; then continue; fi
  # NodeSource's packages include npm and conflict with Debian's.
  if [[ $package == npm ]] && command -v npm > /dev/null; then continue; fi
  missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  install_python
  install_node
  exit
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo > /dev/null; then
    say "setup: needs root or sudo; run as root: apt-get install --no-install-recommends ${missing[*]}"
    exit 1
  fi
  as_root=(sudo)
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" < /dev/null >&2
}

# Packages must not start services during the installation. With systemd, their services also do not start at boot.
readonly POLICY=/usr/sbin/policy-rc.d # invoke-rc.d asks it; 101 is "not allowed"
services_off() {
  [[ ! -e $POLICY ]] || return 0
  policy_is_ours=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$POLICY" > /dev/null
  "${as_root[@]}" chmod 755 "$POLICY"
}
disable_services() {
  [[ -d /run/systemd/system ]] || return 0
  dpkg -L "${missing[@]}" | sed -n 's|.*/systemd/system/\([^/@]*\.service\)$|\1|p' |
    xargs -r "${as_root[@]}" systemctl disable --quiet
}

say "setup: installing ${missing[*]}"
log=$(mktemp)
policy_is_ours=''
trap 'rm -f "$log"; [[ -z $policy_is_ours ]] || "${as_root[@]}" rm -f "$POLICY"' EXIT
if [[ $groups == *" peers-"* ]]; then services_off; fi
if ! { apt update && apt install --yes --no-install-recommends "${missing[@]}"; } > "$log" 2>&1; then
  tail -n 20 "$log" >&2
  say "setup: apt-get failed (its last lines are above); Treadle is built on Debian 12"
  exit 1
fi
if [[ $groups == *" peers-"* ]]; then disable_services; fi
install_python
install_node
