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
  "$@" >"$log" 2>&1 </dev/null
  case $? in
    0) result=pass ;;
    77) result=skip ;; # what it would prove is not on this machine
    *) result=FAIL failed=1 ;;
  esac
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
# NVIDIA's libraries where they came with a Python package, as PyTorch's do; the loader does not look there.
packaged=$(python3 -c 'import glob, site
folders = site.getsitepackages() + [site.getusersitepackages()]
print(":".join(sorted(lib for folder in folders for lib in glob.glob(folder + "/nvidia/*/lib"))))' 2>/dev/null || true)
[ -z "$packaged" ] || export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$packaged"
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
row "plans of cuDNN" sh tests/device/cudnn_plans.sh
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
