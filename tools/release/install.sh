#!/bin/sh
# Installs easel for one user, from the folder of a release: checks it, copies it, says how to call it.
#
#   sh install.sh [--prefix DIR]               into DIR/bin, ~/.local by default
#   sh install.sh --uninstall [--prefix DIR]   removes it, and what it unpacked into the cache folder
set -eu

say() { printf '%s\n' "$*"; }
die() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
prefix=
uninstall=
while [ $# -gt 0 ]; do
  case $1 in
    --prefix)
      [ $# -ge 2 ] && [ -n "$2" ] || die "--prefix needs a folder"
      prefix=$2
      shift
      ;;
    --prefix=?*) prefix=${1#--prefix=} ;;
    --uninstall) uninstall=yes ;;
    -h | --help)
      sed -n '2,5s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      printf 'install.sh: %s is not known; there are --prefix DIR and --uninstall\n' "$1" >&2
      exit 2
      ;;
  esac
  shift
done
if [ -z "$prefix" ]; then
  [ -n "${HOME-}" ] || die "HOME is not set; give --prefix DIR"
  prefix=$HOME/.local
fi
target=$prefix/bin/easel

# remove_ours FOLDER: what its mark names (tools/launcher/cache/mark.h), and folders that are empty then. Whatever else
# somebody put there stays.
remove_ours() {
  (
    cd -- "$1" || exit 0
    [ -f .easel-files ] && [ ! -L .easel-files ] && [ "$(tail -n 1 .easel-files)" = end ] || exit 0
    # find goes through no links, so only files that really lie below this folder can be among them
    find . -type f | sed 's,^\./,,' | grep -Fx -f .easel-files | while IFS= read -r file; do rm -f -- "$file"; done
    rm -f -- .easel-files
    find . -depth -type d ! -name . -exec rmdir {} \; 2>/dev/null
  )
  rmdir -- "$1" 2>/dev/null || true
}

# Only what easel itself made is removed: the cache may be shared with other things.
remove_cache() {
  for cache in "${EASEL_CACHE-}" "${XDG_CACHE_HOME:+$XDG_CACHE_HOME/easel}" "${HOME:+$HOME/.cache/easel}" \
    "${TMPDIR:-/tmp}/easel-$(id -u)"; do
    [ -n "$cache" ] && [ -d "$cache" ] && [ ! -L "$cache" ] && [ -O "$cache" ] || continue
    for folder in "$cache"/[0-9]*-* "$cache"/.unpacking-*; do
      if [ -d "$folder" ] && [ ! -L "$folder" ]; then remove_ours "$folder"; fi
    done
    for file in "$cache"/choices/card-*.txt; do
      if [ -f "$file" ] && head -n 1 -- "$file" | grep -q "^easel's choices"; then rm -f -- "$file" "$file.lock"; fi
    done
    rmdir -- "$cache/choices" "$cache" 2>/dev/null || true
  done
}

is_easel() { [ "$(tail -c 16 -- "$1" | tr -d '\0')" = "easel payload 1" ] || "$1" --version 2>/dev/null | grep -q '^easel '; }

if [ -n "$uninstall" ]; then
  [ -f "$target" ] || die "$target is not there; give the --prefix that it was installed with"
  is_easel "$target" || die "$target is another program of that name; it is left alone"
  rm -f -- "$target"
  rm -f -- "$prefix/share/licenses/easel/LICENCES.txt"
  for folder in "$prefix/share/licenses/easel" "$prefix/share/licenses" "$prefix/share" "$prefix/bin"; do
    rmdir -- "$folder" 2>/dev/null || true
  done
  remove_cache
  say "easel is removed; models and pictures that you made are left alone"
  exit 0
fi

case $(uname -s)-$(uname -m) in
  Linux-@MACHINE@) ;;
  *) die "this release is for Linux on @MACHINE@, not for $(uname -s) on $(uname -m)" ;;
esac
cd -- "$here"
[ -f SHA256SUMS ] || die "SHA256SUMS is missing beside install.sh; unpack the archive again"
command -v sha256sum >/dev/null || die "sha256sum is missing, so the download cannot be checked"
sha256sum --check --quiet --strict SHA256SUMS >&2 || die "the files are not those of the release; download it again"

[ ! -e "$target" ] || is_easel "$target" || die "$target is another program of that name; give --prefix DIR"
mkdir -p -- "$prefix/bin" "$prefix/share/licenses/easel" || die "$prefix cannot be written; give --prefix DIR"
# A copy under another name first: an easel that runs now keeps its file, and a full disk leaves the old one.
new=$(mktemp "$prefix/bin/.easel-XXXXXXXX") || die "$prefix/bin cannot be written; give --prefix DIR"
trap 'rm -f -- "$new"' EXIT
cp -- easel "$new" && chmod 755 -- "$new" && mv -f -- "$new" "$target" ||
  die "$target cannot be written; free space or give --prefix DIR"
cp -- LICENCES.txt "$prefix/share/licenses/easel/LICENCES.txt"
"$target" --version >/dev/null || die "$target does not run here; see the line above"
say "easel is installed as $target"
case ":${PATH-}:" in
  *":$prefix/bin:"*) say "Try: easel doctor" ;;
  *) say "Its folder is not on your PATH. Try: $target doctor" ;;
esac
