#!/usr/bin/env bash
# What the deployment guide does by hand, one step after the other, against a running exporter and its database:
#   API=http://127.0.0.1:5000/api/v1 DATABASE_URL=postgres://monitor_app@127.0.0.1/fpt_play_monitoring examples/guide/run.sh
# Prometheus, Alertmanager and InfluxDB are asked too where PROMETHEUS_URL, ALERTMANAGER_URL, INFLUXDB_URL (with INFLUXDB_TOKEN) are set.
# Ends with 1 at the first step that doesn't answer as the guide says. It creates channels: use it on a new database.
set -euo pipefail

api=${API:-http://127.0.0.1:5000/api/v1}
: "${DATABASE_URL:?set DATABASE_URL=postgres://user@host/database}"
prometheus=${PROMETHEUS_URL:-}
alertmanager=${ALERTMANAGER_URL:-}
influxdb=${INFLUXDB_URL:-}
# What the guide's first channel plays.
input_url=${INPUT_URL:-http://packager-01/live/CH_TV_HD_001/master.m3u8}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sql() { psql -X -At -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }
# step WHAT EXPECTED COMMAND...: the answer has to hold the text.
step() {
  local what=$1 expected=$2 answer
  shift 2
  answer=$("$@" 2>&1) || { printf 'FAILED  %s\n%s\n' "$what" "$answer"; exit 1; }
  grep -qF -- "$expected" <<<"$answer" || { printf 'FAILED  %s: no `%s` in\n%s\n' "$what" "$expected" "$answer"; exit 1; }
  printf 'ok      %s\n' "$what"
}
# eventually WHAT EXPECTED COMMAND...: the same, within half a minute.
eventually() {
  local expected=$2
  for _ in $(seq 60); do
    "${@:3}" 2>&1 | grep -qF -- "$expected" && break
    sleep 0.5
  done
  step "$@"
}
skipped() { printf 'skipped %s: %s is not set\n' "$1" "$2"; }
promql() { curl -s -G "$prometheus/api/v1/query" --data-urlencode "query=$1"; }
flux() {
  curl -s "$influxdb/api/v2/query" -H "Authorization: Token ${INFLUXDB_TOKEN:-}" --data-urlencode 'org=fpt-play' --data-urlencode "query=$1"
}

# 2. Quick start and 3. Installation
step 'count the channels' 0 sql -c 'SELECT COUNT(*) FROM channels;'
step 'the database accepts connections' 'accepting connections' pg_isready -d "$DATABASE_URL"
owner=$(sql -c 'SELECT current_user')
for table in alerts channels probes templates; do step "the table $table" "public|$table|table|$owner" sql -c '\dt'; done
step 'the API is healthy' '"status":"healthy"' curl -s "$api/health"
step 'has its database' '"database":"connected"' curl -s "$api/health"
step 'and says when' '"timestamp":"20' curl -s "$api/health"
if [ -n "$prometheus" ]; then
  step 'Prometheus has targets' '"status":"success"' curl -s "$prometheus/api/v1/targets"
  step 'and rules' '"name":"segment_download_time_ms"' curl -s "$prometheus/api/v1/rules"
else
  skipped 'targets and rules' PROMETHEUS_URL
fi
if [ -n "$influxdb" ]; then
  step 'InfluxDB knows the token' '"buckets"' curl -s -H "Authorization: Token ${INFLUXDB_TOKEN:-}" "$influxdb/api/v2/buckets"
else
  skipped 'buckets' INFLUXDB_URL
fi

# 4. Configuration
step 'thresholds of TPL_LIVE_HD' 'UPDATE 1' sql -c "UPDATE templates SET
  min_mos = 3.5,
  loudness_target = -23.0,
  loudness_tolerance = 2.0,
  macroblocking_threshold = 0.15,
  freeze_threshold_ms = 1000
WHERE template_name = 'TPL_LIVE_HD';"
step 'thresholds of TPL_LIVE_4K_HDR' 'UPDATE 1' sql -c "UPDATE templates SET
  min_mos = 4.0,
  loudness_target = -23.0,
  loudness_tolerance = 2.0
WHERE template_name = 'TPL_LIVE_4K_HDR';"
step 'create a channel' '{"status":"ok","channel_id":1,"message":"Channel created successfully"}' curl -s -X POST "$api/channels" \
  -H 'Content-Type: application/json' \
  -d '{
    "channel_code": "CH_TV_HD_001",
    "channel_name": "FPT Channel 1 HD",
    "channel_type": "LIVE",
    "tier": 1,
    "codec": "H.264",
    "resolution": "1920x1080",
    "fps": 25,
    "is_4k": false,
    "is_hdr": false,
    "probe_id": 3,
    "input_url": "http://packager-01/live/CH_TV_HD_001/master.m3u8",
    "template_id": 1,
    "enabled": true
  }'
cat >"$work/channels.csv" <<CSV
channel_code,channel_name,channel_type,tier,codec,resolution,fps,is_4k,is_hdr,probe_id,input_url,template_id
CH_TV_HD_001,FPT Channel 1,LIVE,1,H.264,1920x1080,25,false,false,3,http://packager-01/live/CH_TV_HD_001/master.m3u8,1
CH_TV_HD_002,FPT Channel 2,LIVE,1,H.264,1920x1080,25,false,false,3,http://packager-01/live/CH_TV_HD_002/master.m3u8,1
CH_TV_4K_001,FPT 4K Channel,LIVE,1,HEVC,3840x2160,25,true,true,3,http://packager-01/live/CH_TV_4K_001/master.m3u8,2
CSV
# A row a request, with the types that pandas gives the columns.
rows() {
  API=$api python3 - "$work/channels.csv" <<'PYTHON'
import csv, json, os, sys, urllib.error, urllib.request

for number, row in enumerate(csv.DictReader(open(sys.argv[1]))):
    for key in ("tier", "fps", "probe_id", "template_id"):
        row[key] = int(row[key])
    for key in ("is_4k", "is_hdr"):
        row[key] = row[key] == "true"
    request = urllib.request.Request(os.environ["API"] + "/channels", json.dumps(row).encode(), {"Content-Type": "application/json"})
    try:
        print(f"Row {number}: {urllib.request.urlopen(request).status}")
    except urllib.error.HTTPError as error:
        print(f"Row {number}: {error.code}")
PYTHON
}
rows >"$work/rows"
step 'the first row of the CSV is there already' 'Row 0: 409' cat "$work/rows"
step 'the others are created' 'Row 2: 201' cat "$work/rows"
# A column with an empty cell makes pandas give every number a fraction, and NaN to the cell.
step 'numbers as pandas writes them beside an empty cell' '"channel_id":' curl -s -X POST "$api/channels" -H 'Content-Type: application/json' \
  -d '{"channel_code": "CH_PANDAS", "channel_name": "Pandas", "channel_type": "LIVE", "tier": 1.0, "codec": "H.264", "resolution": "1920x1080",
  "fps": 25.0, "is_4k": false, "is_hdr": false, "probe_id": 3.0, "input_url": "http://packager-01/live/CH_PANDAS/master.m3u8", "template_id": 1.0}'
step 'NaN is refused with what to do' 'NaN' curl -s -X POST "$api/channels" -H 'Content-Type: application/json' \
  -d '{"channel_code": "CH_NAN", "channel_name": "NaN", "fps": NaN, "input_url": "http://packager-01/live/CH_NAN/master.m3u8"}'
step 'or all at once' '"updated":1,"unchanged":2' curl -s -X POST "$api/channels/import" -H 'Content-Type: text/csv' \
  --data-binary "@$work/channels.csv"

# 6. Usage
step 'list all channels' CH_TV_4K_001 curl -s "$api/channels"
step 'those of tier 1 in 4K that are enabled' CH_TV_4K_001 curl -s "$api/channels?tier=1&is_4k=true&enabled=true"
step 'one of them' '"channel_code":"CH_TV_HD_001"' curl -s "$api/channels/1"
step 'update it' '"channel_name":"FPT Channel 1 HD+"' curl -s -X PUT "$api/channels/1" -H 'Content-Type: application/json' \
  -d '{"channel_name": "FPT Channel 1 HD+", "input_url": "'"$input_url"'", "template_id": 1}'
if [ -n "$prometheus" ]; then
  here='"channel":"CH_TV_HD_001"'
  eventually 'average segment download time per channel' "$here" promql 'avg(segment_download_time_ms) by (channel)'
  eventually 'validation errors per hour' "$here" promql 'sum(rate(playlist_validation_error_count[1h])) by (channel)'
  # The guide leaves out the aggregation, which PromQL takes with `by` alone.
  eventually 'ABR ladder completeness' "$here" promql 'sum(abr_rung_count) by (channel)'
  eventually 'channels with issues' '"status":"success"' promql 'playlist_validation_is_valid == 0'
  eventually 'segment availability' "$here" promql 'segment_metric{http_status="200"}'
  step 'what is up' '"__name__":"up"' curl -s "$prometheus/api/v1/query?query=up"
  step 'alerts' '"alerts":[' curl -s "$prometheus/api/v1/alerts"
else
  skipped 'queries of metrics' PROMETHEUS_URL
fi
if [ -n "$influxdb" ]; then
  eventually 'segment metrics of the last hour' 'CH_TV_HD_001' flux 'from(bucket:"packager_metrics")
  |> range(start: -1h)
  |> filter(fn: (r) => r._measurement == "segment_metric")
  |> filter(fn: (r) => r.channel == "CH_TV_HD_001")'
  eventually 'ABR ladder' 'CH_TV_HD_001' flux 'from(bucket:"packager_metrics")
  |> range(start: -1h)
  |> filter(fn: (r) => r._measurement == "abr_ladder")'
  eventually 'everything of the last hour' 'playlist_validation' flux 'from(bucket:"packager_metrics") |> range(start: -1h)'
else
  skipped 'queries of InfluxDB' INFLUXDB_URL
fi
step 'disable it' '"message":"Channel disabled"' curl -s -X DELETE "$api/channels/1"
step 'no alert is active' '"alerts":[]' curl -s "$api/alerts/active"
step 'Alertmanager tells one' '"alerts":1' curl -s -X POST "$api/alerts/webhook" -H 'Content-Type: application/json' -d '{
  "version": "4", "alerts": [{"status": "firing", "fingerprint": "guide", "startsAt": "2026-01-31T18:00:00Z",
  "labels": {"alertname": "TestAlert", "severity": "major"}, "annotations": {"description": "Test alert"}}]}'
step 'it is active' '"alertname":"TestAlert"' curl -s "$api/alerts/active"
step 'acknowledge it' '"status":"acknowledged"' curl -s -X POST "$api/alerts/1/acknowledge"
step 'resolve it' '"status":"resolved"' curl -s -X POST "$api/alerts/1/resolve"
if [ -n "$alertmanager" ]; then
  step 'Alertmanager is well' '"versionInfo"' curl -s "$alertmanager/api/v2/status"
  alert='[{"labels": {"alertname": "TestAlert", "severity": "major"}, "annotations": {"description": "Test alert"}}]'
  # Alertmanager took version 1 of its API away in 0.27; the alert is the same.
  version=$(curl -s -o "$work/told" -w '%{http_code}' -X POST "$alertmanager/api/v1/alerts" -H 'Content-Type: application/json' -d "$alert")
  if [ "$version" != 200 ]; then
    version=$(curl -s -o "$work/told" -w '%{http_code}' -X POST "$alertmanager/api/v2/alerts" -H 'Content-Type: application/json' -d "$alert")
  fi
  step 'it takes a test alert' 200 echo "$version"
  eventually 'which becomes active' '"alertname":"TestAlert"' curl -s "$api/alerts/active"
else
  skipped 'a test alert through it' ALERTMANAGER_URL
fi

# 5. Deployment and 7. Troubleshooting
step 'the database answers' 1 sql -c 'SELECT 1;'
step 'its size' kB sql -c "SELECT pg_size_pretty(pg_database_size(current_database()));"
step 'its backup has the channels' 'CH_TV_4K_001' pg_dump -d "$DATABASE_URL"
echo 'All steps of the guide answer as it says.'
