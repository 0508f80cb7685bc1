#!/usr/bin/env bash
# Compiles the libraries of which Debian has no archive (fmt, simdjson, prometheus-cpp), for the portable program.
#
#   archives.sh DIR [ARCH]
#
# Takes Debian's own sources, of the versions whose headers are installed here, with apt and the machine's mirror and keys. Leaves
# libfmt.a, libsimdjson.a and libprometheus-cpp-core.a in DIR. Does nothing when DIR has them already. ARCH is amd64 (the
# default: this machine's) or arm64. Needs dpkg-dev; no root.
set -euo pipefail
DIR=$(realpath -m "$1")
readonly DIR ARCH=${2:-$(dpkg --print-architecture)}
CXX=${CXX:-g++}
[[ $ARCH == "$(dpkg --print-architecture)" ]] || CXX=$(dpkg-architecture -f -a "$ARCH" -qDEB_HOST_GNU_TYPE 2> /dev/null)-g++
readonly CXX
readonly FLAGS=(-std=c++20 -O2 -fPIC -DNDEBUG -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE
  -D_FORTIFY_SOURCE=2)

say() { printf 'archives: %s\n' "$*" >&2; }

WANTED=$ARCH
for package in libfmt-dev libsimdjson-dev prometheus-cpp-dev; do
  WANTED+=$(dpkg-query -W -f=' ${source:Package}=${source:Version}' "$package:$ARCH" 2> /dev/null ||
    dpkg-query -W -f=' ${source:Package}=${source:Version}' "$package")
done
readonly WANTED
if [[ -f $DIR/done && $(< "$DIR/done") == "$WANTED" ]]; then exit 0; fi

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# The machine's package sources of this release of Debian, as sources of source packages.
source_lists() {
  local codename
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  find /etc/apt -name '*.sources' -exec cat {} + 2> /dev/null |
    awk -v RS= -v name="$codename" '$0 ~ "\nSuites:[^\n]* " name "[ \n-]" {
      gsub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src"); print; print "" }' > "$WORK/debian.sources"
  find /etc/apt -name '*.list' -exec cat {} + 2> /dev/null |
    sed -nE "s/^deb(-src)? (.* $codename([ -].*|\$))/deb-src \2/p" | sort -u > "$WORK/debian.list"
}

fetch() {
  mkdir -p "$WORK"/{lists/partial,cache/archives/partial,parts}
  source_lists
  mv "$WORK"/debian.{sources,list} "$WORK/parts/"
  local apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$WORK/parts"
    -o "Dir::State::lists=$WORK/lists" -o "Dir::Cache=$WORK/cache" -o APT::Sandbox::User=)
  read -ra sources <<< "${WANTED#* }"
  say "fetching the sources: ${sources[*]}"
  (cd "$WORK" && "${apt[@]}" update && "${apt[@]}" source "${sources[@]}") > "$WORK/log" 2>&1 ||
    { tail -n 10 "$WORK/log" >&2 && say "apt could not fetch the sources; its last lines are above" && exit 1; }
}

# archive NAME INCLUDES SOURCE...: compiles and packs them.
archive() {
  local name=$1 includes=$2 objects=() file
  shift 2
  mkdir "$WORK/$name"
  for file in "$@"; do
    objects+=("$WORK/$name/$(basename "$file").o")
    # shellcheck disable=SC2086 # several words
    "$CXX" "${FLAGS[@]}" $includes -ffile-prefix-map="$WORK=." -c "$file" -o "${objects[-1]}"
  done
  ar rcsD "$DIR/$name.a" "${objects[@]}"
}

fetch
for each in fmtlib simdjson prometheus-cpp; do mv "$WORK/$each"-[0-9]*/ "$WORK/$each"; done
rm -rf "$DIR"
mkdir -p "$DIR"
say "compiling fmt, simdjson and prometheus-cpp for $ARCH: half a minute"
cd "$WORK"
archive libfmt "-Ifmtlib/include" fmtlib/src/format.cc fmtlib/src/os.cc
archive libsimdjson "-DSIMDJSON_THREADS_ENABLED=1" simdjson/singleheader/simdjson.cpp
archive libprometheus-cpp-core "" prometheus-cpp/core/src/*.cc prometheus-cpp/core/src/detail/*.cc
echo "$WANTED" > "$DIR/done"
