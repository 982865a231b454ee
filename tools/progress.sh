# How far a long step is, for scripts: one line that is written over in a terminal, a line now and then elsewhere.

# follow TEXT LOG COUNT COMMAND..: runs COMMAND with its output added to LOG, of which COUNT says how far it is.
follow() {
  text=$1 log=$2 count=$3
  shift 3
  seconds=0
  # ends by itself when this script is stopped
  while sleep 1 && kill -0 $$ 2>/dev/null; do
    seconds=$((seconds + 1))
    if [ -t 2 ]; then
      printf '\r\033[K%s: %s' "$text" "$($count "$log")" >&2
    elif [ $((seconds % 20)) = 0 ]; then
      printf '%s: %s\n' "$text" "$($count "$log")" >&2
    fi
  done &
  follower=$!
  status=0
  "$@" >>"$log" 2>&1 || status=$?
  kill "$follower" 2>/dev/null || true
  wait "$follower" 2>/dev/null || true
  [ ! -t 2 ] || printf '\r\033[K' >&2
  return $status
}

# How far cmake's make or ninja is, from its log.
cmake_count() {
  at=$(sed -n 's|^\[ *\([0-9]*%\)\].*|\1|p; s|^\[\([0-9]*\)/\([0-9]*\)\].*|\1 of \2|p' "$1" | tail -n 1)
  echo "${at:-0%}"
}
