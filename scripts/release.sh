#!/usr/bin/env bash
# Makes what a release consists of from built packages and programs, and leaves it in DIST, which is emptied first.
#
#   release.sh PACKAGES DIST --javascript DIR [--commit HASH] [--sign KEY]
#
# PACKAGES is a directory with treadle_VERSION_ARCH.deb and others, and portable/ARCH/treadle for each architecture. The archives
# and the packages of the SDKs hold the portable program; the pages and completions come from the Debian package. --javascript is
# the compiled SDK for TypeScript. $SOURCE_DATE_EPOCH dates all that is made (default: now). Messages go to stderr; stdout
# lists the files.
set -euo pipefail
HERE=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
readonly HERE
PACKAGES=$(realpath "$1")
DIST=$(realpath -m "$2")
readonly PACKAGES DIST
shift 2
COMMIT='' KEY='' JAVASCRIPT=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --commit) COMMIT=$2 ;;
    --sign) KEY=$2 ;;
    --javascript) JAVASCRIPT=$2 ;;
    *) echo "release: there is no '$1'" >&2 && exit 2 ;;
  esac
  shift 2
done
readonly EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}

say() { printf 'release: %s\n' "$*" >&2; }

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# describe PROGRAM [OPTION...]: its bill of materials.
describe() { /usr/bin/python3 -B "$HERE/sbom.py" "$@" --version "$VERSION" --commit "$COMMIT" --epoch "$EPOCH"; }

# lay_out PROGRAM NAME: that program with the package's other files, as they lie below a prefix of one's own choice.
lay_out() {
  local to=$WORK/$2
  cp -r "$WORK/deb/usr" "$to"
  cp -r "$WORK/deb/etc" "$to/etc"
  rm -rf "$to/share/doc"
  install -m 755 "$1" "$to/bin/treadle"
  cp "$HERE"/../{LICENSE,README.md,CHANGELOG.md} "$WORK/THIRD-PARTY.txt" "$to/"
}

# archive NAME: the same bytes from the same files, whoever makes it and when.
archive() {
  tar -C "$WORK" --sort=name --mtime="@$EPOCH" --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' -cf - "$1" |
    gzip -9n > "$DIST/$1.tar.gz"
}

sign() {
  if [[ -z $KEY ]]; then
    say "not signed; --sign KEY signs SHA256SUMS"
    return 0
  fi
  gpg --batch --yes --local-user "$KEY" --armor --output "$DIST/SHA256SUMS.asc" --detach-sign "$DIST/SHA256SUMS"
}

DEB=$(find "$PACKAGES" -maxdepth 1 -name 'treadle_*.deb')
[[ -f $DEB ]] || { say "one treadle_*.deb is wanted in $PACKAGES" && exit 1; }
VERSION=$(dpkg-deb -f "$DEB" Version)
readonly DEB VERSION

rm -rf "$DIST"
mkdir -p "$DIST"
cp "$PACKAGES"/*.deb "$DIST/"
dpkg-deb -x "$DEB" "$WORK/deb"
describe "$WORK/deb/usr/bin/treadle" --arch "$(dpkg-deb -f "$DEB" Architecture)" > "$DIST/$(basename "$DEB" .deb).spdx.json"
describe "$WORK/deb/usr/bin/treadle" --portable --notices > "$WORK/THIRD-PARTY.txt"
programs=()
for program in "$PACKAGES"/portable/*/treadle; do
  programs+=(--program "$(basename "$(dirname "$program")")=$program")
done
/usr/bin/python3 -B "$HERE/sdk_packages.py" "$DIST" --version "$VERSION" --javascript "$JAVASCRIPT" "${programs[@]}" \
  --notices "$WORK/THIRD-PARTY.txt" --epoch "$EPOCH" > /dev/null
for program in "$PACKAGES"/portable/*/treadle; do
  arch=$(basename "$(dirname "$program")")
  lay_out "$program" "treadle-$VERSION-linux-$arch"
  archive "treadle-$VERSION-linux-$arch"
  describe "$program" --portable --arch "$arch" > "$DIST/treadle-$VERSION-linux-$arch.spdx.json"
done
cd "$DIST"
sums=$(LC_ALL=C sha256sum -- *)
echo "$sums" > SHA256SUMS
sign
ls -1 "$DIST"
