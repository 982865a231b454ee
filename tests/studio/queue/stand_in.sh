#!/bin/sh
# Stands for easel in tests of the queue: what it does is the first word of --comment (--outfile of gen_img and the like do not matter).
out() { printf '%s\n' "{\"v\":1,\"event\":$1}"; }
step() { out "\"step\",\"time\":\"2026-01-01T00:00:0$1.000Z\",\"task\":\"training\",\"step\":$1,\"total\":9,\"loss\":0.5"; }
what=
while [ $# -gt 0 ]; do [ "$1" = --training_comment ] && what=$2; shift; done
trap 'out "\"save\",\"what\":\"state\",\"path\":\"out/thing-state\",\"step\":2"; out "\"error\",\"kind\":\"interrupted\",\"message\":\"stopped after step 2; saved out/thing.safetensors; go on with --resume out/thing-state\",\"exit_code\":130"; exit 130' INT
trap 'out "\"save\",\"what\":\"model\",\"path\":\"now\",\"step\":2"' USR1
step 1; step 2
case $what in
  done) out '"done","command":"x","seconds":1,"exit_code":0' ;;
  failed) out '"error","kind":"failed","message":"model.safetensors: does not exist","exit_code":1'; exit 1 ;;
  bug) out '"error","kind":"internal","message":"internal error","exit_code":1'; exit 1 ;;
  silent) exit 3 ;;
  crash) kill -SEGV $$ ;;
  *) while [ ! -e "$what" ] && [ -d "${what%/*}" ]; do sleep 0.05; done; out '"done","command":"x","seconds":1,"exit_code":0' ;;
esac
