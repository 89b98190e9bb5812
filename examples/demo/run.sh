#!/usr/bin/env bash
# A live origin, the exporter, and channels to probe, clean ones and faulty ones; where PostgreSQL is installed, over a database that is thrown
# away at the end. Ends with Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/../.."

origin_address=${ORIGIN_ADDRESS:-127.0.0.1:18085}
exporter_address=${EXPORTER_ADDRESS:-127.0.0.1:10115}
target=${CARGO_TARGET_DIR:-target}/debug
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; database_stop; wait 2>/dev/null || true; rm -rf "$work"' EXIT
source examples/demo/database.sh
trap 'exit 0' INT TERM

# An exporter that runs already would answer for this one.
taken() { echo "Another program answers at $1. Stop it, or set $2 to a free address." >&2; exit 1; }
if curl -s -o /dev/null --max-time 2 "http://$exporter_address/"; then taken "$exporter_address" EXPORTER_ADDRESS; fi
if curl -s -o /dev/null --max-time 2 "http://$origin_address/"; then taken "$origin_address" ORIGIN_ADDRESS; fi

cp examples/demo/config/{channels,exporter,templates}.yml "$work/"
programmes=()
if command -v ffmpeg >/dev/null; then
  programmes=(--programme good_moving --programme frozen --programme silent)
  cat examples/demo/config/programmes.yml >>"$work/channels.yml"
  echo "ffmpeg encodes three programmes of picture and sound, for about 15 s …"
fi
sed -i "s/127.0.0.1:18085/$origin_address/" "$work/channels.yml"
"$target/live_origin" --listen "$origin_address" "${programmes[@]}" >"$work/origin.log" 2>&1 &
origin=$!
if database_start "$work"; then export DATABASE_URL=$database_url; else unset DATABASE_URL; fi
"$target/packager_exporter" serve --config.file "$work/exporter.yml" --web.listen-address "$exporter_address" \
  --log.level warn &
exporter=$!

for _ in $(seq 600); do
  curl -sf "http://$exporter_address/-/ready" >/dev/null && curl -sf "http://$origin_address/" >/dev/null && break
  if ! kill -0 $exporter 2>/dev/null; then echo "The exporter did not start: is $exporter_address taken? Set EXPORTER_ADDRESS." >&2; exit 1; fi
  if ! kill -0 $origin 2>/dev/null; then cat "$work/origin.log" >&2; echo "The origin did not start: is $origin_address taken? Set ORIGIN_ADDRESS." >&2; exit 1; fi
  sleep 0.1
done
if [ -n "${DATABASE_URL:-}" ]; then
  import_catalogue "$work/channels.yml" "$target/packager_exporter" || { echo "The demo's channels could not be imported." >&2; exit 1; }
  count=$(grep -c 'channel_code:' "$work/channels.yml")
  for _ in $(seq 100); do
    curl -s "http://$exporter_address/metrics" | grep -q "^packager_exporter_catalog_channels $count$" && break
    sleep 0.1
  done
fi

cat <<TEXT

Open:
  http://$exporter_address/ui/                                          the web page: what is wrong now, and since when
  http://$exporter_address/                                             recent probes
  http://$exporter_address/probe?target=CLEAN_HD                        what Prometheus scrapes
  http://$exporter_address/probe?target=FAULT_TS_CONTINUITY&debug=true  why a channel fails
  http://$exporter_address/config                                       the configuration in force
  http://$exporter_address/metrics                                      the exporter's own metrics
  http://$origin_address/                                              every channel and fault of the origin
At a terminal:
  $target/packager_exporter probe http://$origin_address/fault/hls_playlist_stale/TV1/master.m3u8 --every 2s --for 20s
TEXT
if [ -n "${DATABASE_URL:-}" ]; then
  cat <<TEXT
The channels are in PostgreSQL:
  http://$exporter_address/api/v1/health
  http://$exporter_address/api/v1/channels?limit=5
  curl -s 'http://$exporter_address/api/v1/channels?q=CLEAN'
  DATABASE_URL='$DATABASE_URL' $target/packager_exporter probe FAULT_RENDITION_404
  psql '$DATABASE_URL' -c 'SELECT id, channel_code, template_id, enabled FROM channels'
  psql '$DATABASE_URL' -c "UPDATE templates SET segment_duration_target = 4 WHERE template_name = 'DEMO_6S'"   # counts with the next probe
TEXT
else
  echo "The channels are in a file, without the channel API: $database_missing."
fi
if [ ${#programmes[@]} = 0 ]; then
  echo "Without ffmpeg there are no channels whose picture and sound are decoded (Debian: ffmpeg)."
fi

channels=$(sed -n 's/^ *- *channel_code: *//p' "$work/channels.yml")
probe() { curl -s -G "http://$exporter_address/probe" --data-urlencode "target=$1"; }
# Some faults come and go: the longest comes every 40 s. What was found stays reported for a minute.
echo
printf 'Probing every channel each 4 s for 44 s '
for _ in $(seq 11); do
  for channel in $channels; do probe "$channel" >/dev/null & done
  sleep 4
  printf .
done
echo
width=$(wc -L <<<"$channels")
echo
printf "%-${width}s  %-13s  %s\n" CHANNEL probe_success 'FAILED CHECKS'
for channel in $channels; do
  probe "$channel" >"$work/answer"
  success=$(sed -n 's/^probe_success //p' "$work/answer")
  failed=$(sed -n 's/^packager_check_ok{check="\([a-z_]*\)".*} 0$/\1/p' "$work/answer" | sort -u | paste -sd' ')
  printf "%-${width}s  %-13s  %s\n" "$channel" "${success:-?}" "${failed:--}"
done

echo
if [ -n "${DEMO_ONCE:-}" ]; then exit 0; fi
echo "Each channel is probed every 15 s, as Prometheus would. Ctrl-C ends it."
while kill -0 $origin 2>/dev/null && kill -0 $exporter 2>/dev/null; do
  for channel in $channels; do probe "$channel" >/dev/null & done
  sleep 15 &
  wait -n $origin $exporter $!
done
