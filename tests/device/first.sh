#!/bin/sh
# The first minutes on a card: sh FOLDER/first.sh [ROW..], FOLDER being what `deno task device-pack FOLDER` wrote, on a Linux machine
# with NVIDIA's driver and Python; nothing is fetched, built or installed. Without ROWs all of them, best first, as long as
# BUDGET seconds (540) last. Everything comes to OUT (./easel-device): facts.txt, summary.txt, logs.tar.gz. docs/cuda.md tells the rest.
# WORK: where it unpacks. SIMULATOR: the folder build/ of a checkout, whose simulated GPU then takes the card's place.
set -eu
began=$(date +%s)
kit=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
mkdir -p "${OUT:=easel-device}" "${WORK:=${TMPDIR:-/tmp}/easel-device-work}"
OUT=$(CDPATH='' cd -- "$OUT" && pwd -P)
WORK=$(CDPATH='' cd -- "$WORK" && pwd -P)
export OUT WORK
die() {
  echo "first.sh: $*" >&2
  exit 1
}

unpacked() { # FILE: on standard output; not every machine has xz
  if command -v xz >/dev/null; then xz -dc "$1"; else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1"
  fi
}
easel=$WORK/easel
if [ "$(cat "$WORK/stamp" 2>/dev/null)" != "$(cat "$kit/stamp")" ]; then
  rm -rf "$easel"
  mkdir -p "$easel"
  (unpacked "$kit/deno.xz" >"$WORK/deno" && chmod +x "$WORK/deno") &
  unpacked "$kit/easel.tar.xz" | tar -C "$easel" -x
  wait $!
  cp "$kit/stamp" "$WORK/stamp"
fi

# Where the machine lacks a library that comes with a compiler, ours; and the driver's where the loader does not look.
libraries=$easel/build
if LD_LIBRARY_PATH=$libraries ldd "$libraries/libeasel_cpu.so" | grep -q 'not found'; then libraries=$libraries:$libraries/fallback; fi
if [ -n "${SIMULATOR-}" ]; then
  SIMULATOR=$(CDPATH='' cd -- "$SIMULATOR" && pwd -P)
  export SIMULATOR
  mkdir -p "$WORK/card"
  ln -sf "$SIMULATOR/libeasel_simt_fast.so" "$WORK/card/libcuda.so.1"
  libraries=$libraries:$WORK/card
elif ! ldconfig -p | grep -q 'libcuda\.so\.1'; then
  driver=$(find /usr /opt -name libcuda.so.1 ! -path '*stubs*' ! -path '*compat*' 2>/dev/null | head -n 1)
  [ -z "$driver" ] || libraries=$libraries:$(dirname "$driver")
fi

libraries=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export DENO_DIR="$easel/.deno" DENO_NO_UPDATE_CHECK=1 NO_COLOR=1 LIBRARIES="$libraries"
"$WORK/deno" --version >/dev/null || die "$WORK/deno does not start here: $(ldd --version | head -n 1), the kit wants $(cat "$kit/stamp")"
cd "$easel"
exec "$WORK/deno" run -A --no-check --cached-only tests/device/first.ts --began "$began" "$@"
