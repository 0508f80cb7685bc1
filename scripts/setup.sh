#!/usr/bin/env bash
# Installs what is missing of the named groups of scripts/packages.txt (build, test, lint, fuzz, package, release; all of these by
# default; and peers-*, whose services it leaves off: `./dev peers` starts servers of its own).
# Then what scripts/requirements-GROUP.txt pins, with pip and its own configuration, into build/python; and, with the groups
# test and release, what sdk/typescript/package-lock.json pins, with npm and its own configuration, into build/typescript.
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
  say "setup: installing schemathesis into build/python"
  mkdir -p "$(dirname "$environment")"
  rm -rf "$environment"
  if ! { /usr/bin/python3 -m venv "$environment" &&
    "$environment/bin/pip" install --quiet --disable-pip-version-check "${pinned[@]/#/--requirement=}"; } >&2; then
    say "setup: pip could not install what ${pinned[*]} names; it needs a package index (see: pip config list)"
    return 1
  fi
  cat "${pinned[@]}" > "$environment/pinned"
}

# The lock file beside what npm installed says what that is, so that nobody has to ask npm.
install_node() {
  [[ $groups == *" test "* || $groups == *" release "* ]] || return 0
  local sdk modules
  sdk=$(cd "$(dirname "${BASH_SOURCE[0]}")/../sdk/typescript" && pwd)
  modules=$sdk/../../build/typescript
  if cmp -s "$sdk/package-lock.json" "$modules/installed"; then return 0; fi
  say "setup: installing the TypeScript compiler into build/typescript"
  mkdir -p "$modules"
  cp "$sdk/package.json" "$sdk/package-lock.json" "$modules"
  if ! npm ci --prefix "$modules" --ignore-scripts --no-audit --no-fund --silent >&2; then
    say "setup: npm could not install what $sdk/package-lock.json names; it needs a registry (see: npm config list)"
    return 1
  fi
  cp "$sdk/package-lock.json" "$modules/installed"
}

packages=()
while read -r group package _; do
  if [[ $groups == *" $group "* ]]; then packages+=("$package"); fi
done < "$(dirname "${BASH_SOURCE[0]}")/packages.txt"

if ! command -v dpkg-query > /dev/null; then
  say "setup: this machine has no Debian packages; install the counterparts of: ${packages[*]}"
  exit 1
fi

# dpkg-query exits with 1 when it does not know a package, which is an answer here and not an error.
state=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2> /dev/null || true)
missing=()
for package in "${packages[@]}"; do
  if [[ $'\n'$state$'\n' == *$'\n'"installed $package"$'\n'* ]]; then continue; fi
  # The packages of Node's own makers bring npm, and exclude Debian's.
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

# Until the end, packages may start no service; where systemd runs, none of theirs starts with the machine either.
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
