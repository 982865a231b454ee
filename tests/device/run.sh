#!/bin/sh
# On a machine with an NVIDIA GPU: builds the CUDA backend and proves it there. One table last; exit status 1 when a row failed.
# sh tests/device/run.sh [GOLDEN_DIR]: a folder of golden cases (default: the committed ones).
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
cd "$root" || exit 1
golden=${1:-tests/golden/data}
out=build/device
mkdir -p "$out"
rm -f "$out"/*.log "$out/table"
failed=0

# row NAME COMMAND..: runs it, keeps its output, adds a line to the table.
row() {
  name=$1
  log=$out/$(echo "$name" | tr ' /' '__').log
  shift
  echo "== $name"
  start=$(date +%s)
  if "$@" >"$log" 2>&1 </dev/null; then result=pass; else result=FAIL failed=1; fi
  seconds=$(($(date +%s) - start))
  note=$(grep -E '^(ok|FAILED) \||^[0-9]+ passed|^worst |ERROR SUMMARY' "$log" | tail -n 1)
  [ "$result" = pass ] || [ -n "$note" ] || note=$(tail -n 1 "$log")
  printf '%-34s %-4s %5ss  %s\n' "$name" "$result" "$seconds" "$note" >>"$out/table"
  if [ "$result" = FAIL ]; then tail -n 20 "$log"; fi
}
skip() { printf '%-34s %-4s %6s  %s\n' "$1" skip "" "$2" >>"$out/table"; }

./run doctor || exit 1
if ! command -v nvcc >/dev/null 2>&1; then
  echo "run.sh: there is no nvcc here, so there are no kernels to prove; install the CUDA toolkit" >&2
  exit 1
fi
row "build" sh tools/build_cuda.sh
export EASEL_TEST_DEVICE=cuda
# Choices between kernels are made anew each time.
export EASEL_CACHE="$root/$out/cache"
rm -rf "$EASEL_CACHE"
row "ops at small and odd sizes" ./run task test-on tests/kernels
row "ops at the sizes of SD1.5" ./run task test-on tests/device/real_sizes_test.ts
row "the same with NVIDIA's libraries" env EASEL_TEST_VENDOR=1 ./run task test-on tests/kernels tests/device/real_sizes_test.ts
for topic in unet vae train; do
  row "golden $topic" ./run task golden "$golden" "$topic"
done
row "jobs against the CPU" ./run task test-on tests/training/cuda_test.ts
row "200 steps follow the CPU" ./run task test-on tests/device/long_training_test.ts
row "rates" ./run task vendor-rates
if [ -n "${EASEL_CUDNN-}" ] || ldconfig -p 2>/dev/null | grep -q 'libcudnn\.so\.9'; then
  row "plans of cuDNN" sh tests/device/cudnn_plans.sh
else
  skip "plans of cuDNN" "the loader finds no libcudnn.so.9; EASEL_CUDNN may name one"
fi
if command -v compute-sanitizer >/dev/null 2>&1; then
  for tool in memcheck racecheck synccheck initcheck; do
    row "compute-sanitizer $tool" compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 1 \
      ./run task test-on tests/kernels/norm_test.ts tests/kernels/matmul_test.ts tests/kernels/conv2d_test.ts
  done
else
  skip "compute-sanitizer" "not installed"
fi

echo
(nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv,noheader 2>/dev/null || true) | head -n 1
cat "$out/table"
grep -E 'TFLOP/s|cuBLASLt|cuDNN' "$out/rates.log"
echo "logs: $out"
exit "$failed"
