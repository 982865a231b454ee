#!/bin/sh
# Compiles the CUDA kernels (kernels/cuda/*.cu) with nvcc, each only when it or what it includes changed.
# EASEL_CUDA_ARCHS: compute capabilities, the newest also as PTX (default "75 80 86 89 90").
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
archs=${EASEL_CUDA_ARCHS:-75 80 86 89 90}
out=build/cuda
mkdir -p "$out"
if ! command -v nvcc >/dev/null 2>&1; then
  echo "build_cuda: no nvcc here, the kernels are not compiled for GPUs"
  exit 0
fi

code=
for arch in $archs; do
  code="$code -gencode arch=compute_$arch,code=sm_$arch"
  newest=$arch
done
code="$code -gencode arch=compute_$newest,code=compute_$newest"

common=$(cat kernels/cuda/*.cuh kernels/pointwise.h kernels/easel_ops.h tools/build_cuda.sh | sha256sum)
# One file: compiled to a temporary name, so that an interrupted build leaves nothing half-written.
compile() {
  name=$(basename "$1" .cu)
  now=$(echo "$common $code $(sha256sum <"$1") $(nvcc --version | tail -n 1)" | sha256sum)
  [ -f "$out/$name.fatbin" ] && [ "$(cat "$out/$name.stamp" 2>/dev/null)" = "$now" ] && return 0
  # shellcheck disable=SC2086 -- a list of words
  nvcc -std=c++17 -O3 -fatbin $code -o "$out/$name.fatbin.tmp" "$1" || return 1
  mv "$out/$name.fatbin.tmp" "$out/$name.fatbin"
  echo "$now" >"$out/$name.stamp"
}

failed=0
set -- kernels/cuda/*.cu
while [ $# -gt 0 ]; do
  compile "$1" &
  first=$!
  second=
  if [ $# -gt 1 ]; then
    compile "$2" &
    second=$!
    shift
  fi
  shift
  wait "$first" || failed=1
  if [ -n "$second" ]; then wait "$second" || failed=1; fi
done
[ "$failed" = 0 ] || { echo "build_cuda: a kernel did not compile" >&2; exit 1; }
