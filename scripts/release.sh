#!/usr/bin/env bash
# Makes what a release consists of from built packages, and leaves it in DIST, which is emptied first.
#
#   release.sh PACKAGES DIST [--commit HASH] [--sign KEY]
#
# PACKAGES is a directory with treadle_VERSION_ARCH.deb and others. The archive holds the program as the package has it.
# $SOURCE_DATE_EPOCH dates all that is made (default: now). Messages go to stderr; stdout lists the files.
set -euo pipefail
HERE=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
readonly HERE
PACKAGES=$(realpath "$1")
DIST=$(realpath -m "$2")
readonly PACKAGES DIST
shift 2
COMMIT='' KEY=''
while [[ $# -gt 0 ]]; do
  case $1 in
    --commit) COMMIT=$2 ;;
    --sign) KEY=$2 ;;
    *) echo "release: there is no '$1'" >&2 && exit 2 ;;
  esac
  shift 2
done
readonly EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}

say() { printf 'release: %s\n' "$*" >&2; }

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# unpack DEB NAME: the package's files, as they lie below a prefix of one's own choice.
unpack() {
  local from=$WORK/deb to=$WORK/$2
  dpkg-deb -x "$1" "$from"
  mv "$from/usr" "$to"
  mv "$from/etc" "$to/etc"
  rm -rf "$to/share/doc"
  cp "$HERE"/../{LICENSE,README.md,CHANGELOG.md} "$to/"
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

DEB=$(find "$PACKAGES" -name 'treadle_*.deb')
[[ -f $DEB ]] || { say "one treadle_*.deb is wanted in $PACKAGES" && exit 1; }
VERSION=$(dpkg-deb -f "$DEB" Version)
readonly DEB VERSION
NAME=treadle-$VERSION-linux-$(dpkg-deb -f "$DEB" Architecture)
readonly NAME

rm -rf "$DIST"
mkdir -p "$DIST"
cp "$PACKAGES"/*.deb "$DIST/"
unpack "$DEB" "$NAME"
archive "$NAME"
/usr/bin/python3 -B "$HERE/sbom.py" "$WORK/$NAME/bin/treadle" --version "$VERSION" --commit "$COMMIT" --epoch "$EPOCH" \
  > "$DIST/$NAME.spdx.json"
cd "$DIST"
LC_ALL=C sha256sum -- *.deb *.tar.gz *.spdx.json > SHA256SUMS
sign
ls -1 "$DIST"
