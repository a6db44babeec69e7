#!/usr/bin/env bash
# Streams that make themselves: starts from nothing, adds an EdgeX device profile and a KubeEdge device model, and shows
# their streams appear, change and disappear, with a rule running across it.
#
#   docs/examples/devices/demo.sh          # needs `make build`, mosquitto and mosquitto-clients
set -euo pipefail
export PATH=$PATH:/usr/sbin # where Debian has mosquitto
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../../../bin}
dir=$(mktemp -d)
free() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])' 2>/dev/null || echo $((20000 + RANDOM % 10000)); }
broker=${BROKER_PORT:-$(free)} rest=${REST_PORT:-$(free)} sdk=${SDK_PORT:-$(free)}
mkdir -p "$dir/profiles" "$dir/models"

mosquitto -p "$broker" >"$dir/mosquitto.log" 2>&1 &
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$dir"' EXIT
export SLUICE_PROFILES_FOLDER=$dir/profiles SLUICE_PROFILES_MODELS=$dir/models SLUICE_DATADIR=$dir/data SLUICE_RESTPORT=$rest SERVICE_PORT=$sdk
export EDGEX__DEFAULT__TYPE=mqtt EDGEX__DEFAULT__SERVER=127.0.0.1 EDGEX__DEFAULT__PORT=$broker KUBEEDGE__DEFAULT__SERVER=tcp://127.0.0.1:$broker
"$bin/app-sluice" --configDir "$here/../../../res" --profile standalone >"$dir/sluice.log" 2>&1 &

sluice() { "$bin/sluice" --server "127.0.0.1:$rest" "$@" | grep -v '^Connecting to' || true; }
say() { printf '\n== %s\n' "$*"; }
# until COMMAND shows TEXT, ten seconds at most
until_shows() { local text=$1; shift; for _ in $(seq 100); do "$@" 2>/dev/null | grep -qF -- "$text" && return; sleep 0.1; done; echo "no \"$text\":"; "$@"; exit 1; }
press() { mosquitto_pub -p "$broker" -t edgex/events/device/device-virtual/Press-Line-Sensor/press-01/Snapshot -f "$here/files/press-event.json"; }
results() { timeout 5 mosquitto_sub -p "$broker" -t "results/$1" -C 1 & local sub=$!; for _ in $(seq 20); do "$2"; sleep 0.2; kill -0 $sub 2>/dev/null || break; done; wait $sub; }

until_shows "No stream definitions" sluice show streams
say "nothing yet"; sluice show streams

say "a device profile is added: its stream is there, typed"
cp "$here/files/press-line-sensor.json" "$dir/profiles/"
until_shows Press_Line_Sensor sluice show streams
sluice describe stream Press_Line_Sensor

say "a rule reads it"
sluice create rule hot "{\"sql\": \"SELECT Temperature, meta(deviceName) AS device FROM Press_Line_Sensor WHERE Temperature > 50\",
  \"actions\": [{\"mqtt\": {\"server\": \"tcp://127.0.0.1:$broker\", \"topic\": \"results/hot\", \"sendSingle\": true}}]}"
results hot press

say "the profile loses the column: the rule says what it waits for"
cp "$here/files/press-line-sensor-without-temperature.json" "$dir/profiles/press-line-sensor.json"
until_shows "starts again" sluice getstatus rule hot
sluice getstatus rule hot | grep '"message"'
sluice describe stream Press_Line_Sensor | grep -E "ORIGIN|CHANGED"

say "the column is back, and the rule runs again"
cp "$here/files/press-line-sensor.json" "$dir/profiles/"
until_shows '"status": "running"' sluice getstatus rule hot
results hot press

say "a KubeEdge device model and a device of it"
cp "$here/files/beta1-model.yaml" "$dir/models/"
until_shows beta1_model sluice show streams
cp "$here/files/beta1-device.yaml" "$dir/models/"
sluice describe stream beta1_model
sluice create rule warm "{\"sql\": \"SELECT deviceId, temp FROM beta1_model WHERE temp > 20\",
  \"actions\": [{\"mqtt\": {\"server\": \"tcp://127.0.0.1:$broker\", \"topic\": \"results/warm\", \"sendSingle\": true}}]}"
twin() { mosquitto_pub -p "$broker" -t "\$hw/events/device/default/beta1-device/twin/update" -m '{"event_id":"","timestamp":1697426002500,"twin":{"temp":{"actual":{"value":"25"}}}}'; }
results warm twin

say "what is taken away goes, when no rule reads it any more"
rm "$dir/models/"*.yaml
until_shows "is gone" sluice describe stream beta1_model
sluice drop rule warm
rm "$dir/profiles/"*.json
until_shows "is gone" sluice describe stream Press_Line_Sensor
sluice drop rule hot
sluice show streams
