#!/bin/sh
# Builds the CPU library into build/. Shows how far it is, and the log's end when something fails. Run by ./run and by "deno task build".
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
. tools/progress.sh
mkdir -p build
# A checkout that was moved or copied carries a cache that names its old place; cmake refuses to reuse it.
if [ -f build/cpu/CMakeCache.txt ] && ! grep -qF "CMAKE_HOME_DIRECTORY:INTERNAL=$root/kernels" build/cpu/CMakeCache.txt; then
  rm -rf build/cpu/CMakeCache.txt build/cpu/CMakeFiles
fi
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
if ! { cmake -S kernels -B build/cpu -DCMAKE_BUILD_TYPE=Release >build/log.txt 2>&1 &&
  follow "build: the CPU library" build/log.txt cmake_count cmake --build build/cpu --parallel "$jobs"; }; then
  tail -n 40 build/log.txt >&2
  echo "build: the CPU library did not compile; the whole log is in build/log.txt" >&2
  exit 1
fi
