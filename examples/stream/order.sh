#!/usr/bin/env bash
# Adds up orders and charges for each once:  treadle worker exec order --stream -- ./order.sh
# The protocol is described in docs/stream.md. Bash reads no JSON, so regular expressions take what
# is needed here; use jq for texts that people have written.
set -eu

run() {
  local task=$1 total=0 cents receipt
  [[ $task =~ \"task\":\"([^\"]*)\" ]] && receipt=receipt-${BASH_REMATCH[1]}
  [[ $task =~ \"cents\":\ *\[([0-9, ]+)\] ]] || {
    echo '{"failed":{"code":"no_items","message":"the order is empty","retry":false}}'
    return
  }
  for cents in ${BASH_REMATCH[1]//,/ }; do total=$((total + cents)); done
  [[ $task =~ \"attempt\":([0-9]+),\"max_attempts\":([0-9]+) ]]
  echo "{\"log\":\"attempt ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}\"}"
  echo '{"progress":{"fraction":0.5,"message":"charging"}}'
  if [[ $task =~ \{\"name\":\"charge\",\"result\":\"([^\"]*)\" ]]; then
    receipt=${BASH_REMATCH[1]} # an earlier attempt has saved it
  else
    echo "{\"step\":{\"name\":\"charge\",\"result\":\"$receipt\"}}" # charge the customer before this
    read -r saved
    [[ $saved == '{"saved":true}' ]] || { echo "the step was not saved" >&2; exit 1; }
  fi
  echo "{\"result\":{\"total_cents\":$total,\"receipt\":\"$receipt\"}}"
}

read -r _ # which versions there are: {"stream":1,…}
echo '{"ready":1}'
while read -r task; do run "$task"; done
