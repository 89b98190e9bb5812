#!/usr/bin/env bash
# What the deployment guide does by hand (docs/guide.md says what that guide is), one step after the other, against a running
# exporter and its database:
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
# exactly WHAT EXPECTED COMMAND...: the answer has to be the text.
exactly() {
  local what=$1 expected=$2 answer
  shift 2
  answer=$("$@" 2>&1) || { printf 'FAILED  %s\n%s\n' "$what" "$answer"; exit 1; }
  [ "$answer" = "$expected" ] || { printf 'FAILED  %s: not `%s` but\n%s\n' "$what" "$expected" "$answer"; exit 1; }
  printf 'ok      %s\n' "$what"
}
# holds WHAT EXPECTED COMMAND...: the answer, JSON, has to have these keys with these values; a list as many entries.
holds() {
  local what=$1 expected=$2 answer
  shift 2
  answer=$("$@" 2>&1) || { printf 'FAILED  %s\n%s\n' "$what" "$answer"; exit 1; }
  python3 - "$expected" "$answer" <<'PYTHON' || { printf 'FAILED  %s: not %s in\n%s\n' "$what" "$expected" "$answer"; exit 1; }
import json, sys

def holds(expected, answer):
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(key in answer and holds(value, answer[key]) for key, value in expected.items())
    if isinstance(expected, list):
        return isinstance(answer, list) and len(expected) == len(answer) and all(map(holds, expected, answer))
    return expected == answer and isinstance(expected, bool) == isinstance(answer, bool)

sys.exit(not holds(json.loads(sys.argv[1]), json.loads(sys.argv[2])))
PYTHON
  printf 'ok      %s\n' "$what"
}
# eventually WHAT EXPECTED COMMAND...: the same, within three minutes.
eventually() {
  local expected=$2
  for _ in $(seq 360); do
    "${@:3}" 2>&1 | grep -qF -- "$expected" && break
    sleep 0.5
  done
  step "$@"
}
skips=()
# skipped WHAT VARIABLE: leaves out a step.
skipped() {
  printf 'skipped %s: %s is not set\n' "$1" "$2"
  skips+=("$1 ($2)")
}
promql() { curl -s -G "$prometheus/api/v1/query" --data-urlencode "query=$1"; }
# The series of the guide's first channel have values above 0.
positive() {
  promql "$1" | python3 -c 'import json, sys
values = [float(one["value"][1]) for one in json.load(sys.stdin)["data"]["result"] if one["metric"].get("channel") == "CH_TV_HD_001"]
print("positive" if values and min(values) > 0 else values)'
}
# The guide sends organisation and query as a form, which InfluxDB 2 refuses.
flux() {
  curl -s "$influxdb/api/v2/query?org=fpt-play" -H "Authorization: Token ${INFLUXDB_TOKEN:-}" -H 'Content-Type: application/vnd.flux' --data-raw "$1"
}

# 2. Quick start and 3. Installation
exactly 'no channel yet' 0 sql -c 'SELECT COUNT(*) FROM channels;'
step 'the database accepts connections' 'accepting connections' pg_isready -d "$DATABASE_URL"
owner=$(sql -c 'SELECT current_user')
for table in alerts channels probes templates; do step "the table $table" "public|$table|table|$owner" sql -c '\dt'; done
eventually 'the API is healthy' '"status":"healthy"' curl -s "$api/health"
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
versions() { sql -c "SELECT string_agg(version::text, ' ' ORDER BY id) FROM templates"; }
exactly 'the templates as they were made' '1 1' versions
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
exactly 'each is another version now' '2 2' versions
holds 'which the API shows' '{"min_mos": 3.5, "loudness_target": -23, "loudness_tolerance": 2, "macroblocking_threshold": 0.15,
  "freeze_threshold_ms": 1000}' curl -s "$api/templates/TPL_LIVE_HD"
holds 'and of the other' '{"min_mos": 4, "loudness_target": -23, "loudness_tolerance": 2}' curl -s "$api/templates/TPL_LIVE_4K_HDR"
# While there is no channel, none can alert.
holds 'no alert is active' '{"alerts": []}' curl -s "$api/alerts/active"
step 'Alertmanager sends an alert' '"alerts":1' curl -s -X POST "$api/alerts/webhook" -H 'Content-Type: application/json' -d '{
  "version": "4", "alerts": [{"status": "firing", "fingerprint": "guide", "startsAt": "2026-01-31T18:00:00Z",
  "labels": {"alertname": "TestAlert", "severity": "major"}, "annotations": {"description": "Test alert"}}]}'
holds 'it is active' '{"alerts": [{"id": 1, "alertname": "TestAlert", "severity": "major", "status": "firing", "description": "Test alert"}]}' \
  curl -s "$api/alerts/active"
holds 'acknowledge it' '{"id": 1, "status": "acknowledged", "resolved_at": null}' curl -s -X POST "$api/alerts/1/acknowledge"
holds 'it is active still' '{"alerts": [{"id": 1, "status": "acknowledged"}]}' curl -s "$api/alerts/active"
holds 'resolve it' '{"id": 1, "status": "resolved"}' curl -s -X POST "$api/alerts/1/resolve"
holds 'it is active no more' '{"alerts": []}' curl -s "$api/alerts/active"
holds 'and in the history' '{"alerts": [{"id": 1, "status": "resolved"}]}' curl -s "$api/alerts"
exactly 'create a channel' '{"status":"ok","channel_id":1,"message":"Channel created successfully"}' curl -s -X POST "$api/channels" \
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
holds 'it is as it was sent' '{"id": 1, "channel_code": "CH_TV_HD_001", "channel_name": "FPT Channel 1 HD", "channel_type": "LIVE", "tier": 1,
  "codec": "H.264", "resolution": "1920x1080", "fps": 25, "is_4k": false, "is_hdr": false, "probe_id": 3, "template_name": "TPL_LIVE_HD",
  "input_url": "http://packager-01/live/CH_TV_HD_001/master.m3u8", "template_id": 1, "enabled": true}' curl -s "$api/channels/1"
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
exactly 'the first row of the CSV is there already, the others are created' $'Row 0: 409\nRow 1: 201\nRow 2: 201' rows
# A column with an empty cell makes pandas give every number a fraction, and NaN to the cell.
step 'numbers in the form of pandas, in a column with an empty cell' '"channel_id":' curl -s -X POST "$api/channels" -H 'Content-Type: application/json' \
  -d '{"channel_code": "CH_PANDAS", "channel_name": "Pandas", "channel_type": "LIVE", "tier": 1.0, "codec": "H.264", "resolution": "1920x1080",
  "fps": 25.0, "is_4k": false, "is_hdr": false, "probe_id": 3.0, "input_url": "http://packager-01/live/CH_PANDAS/master.m3u8", "template_id": 1.0}'
step 'NaN is refused with what to do' 'NaN' curl -s -X POST "$api/channels" -H 'Content-Type: application/json' \
  -d '{"channel_code": "CH_NAN", "channel_name": "NaN", "fps": NaN, "input_url": "http://packager-01/live/CH_NAN/master.m3u8"}'
holds 'or all at once' '{"status": "ok", "dry_run": false, "created": 0, "updated": 1, "unchanged": 2}' curl -s -X POST "$api/channels/import" -H 'Content-Type: text/csv' \
  --data-binary "@$work/channels.csv"

# 6. Usage
holds 'list all channels' '{"channels": [{"channel_code": "CH_TV_HD_001"}, {"channel_code": "CH_TV_HD_002"}, {"channel_code": "CH_TV_4K_001"},
  {"channel_code": "CH_PANDAS"}], "next_cursor": null}' curl -s "$api/channels"
exactly 'as many as in the table' 4 sql -c 'SELECT COUNT(*) FROM channels;'
holds 'those of tier 1 in 4K that are enabled' '{"channels": [{"channel_code": "CH_TV_4K_001"}]}' \
  curl -s "$api/channels?tier=1&is_4k=true&enabled=true"
holds 'one of them, as the CSV named it' '{"channel_code": "CH_TV_HD_001", "channel_name": "FPT Channel 1"}' curl -s "$api/channels/1"
holds 'update it' '{"id": 1, "channel_name": "FPT Channel 1 HD+", "input_url": "'"$input_url"'", "template_name": "TPL_LIVE_HD"}' curl -s -X PUT "$api/channels/1" -H 'Content-Type: application/json' \
  -d '{"channel_name": "FPT Channel 1 HD+", "input_url": "'"$input_url"'", "template_id": 1}'
if [ -n "$prometheus" ]; then
  here='"channel":"CH_TV_HD_001"'
  eventually 'average segment download time per channel' positive positive 'avg(segment_download_time_ms) by (channel)'
  eventually 'validation errors per hour' "$here" promql 'sum(rate(playlist_validation_error_count[1h])) by (channel)'
  # The guide leaves out the aggregation, which PromQL takes with `by` alone.
  eventually 'ABR ladder completeness' positive positive 'sum(abr_rung_count) by (channel)'
  eventually 'the channel is valid' positive positive 'playlist_validation_is_valid == 1'
  holds 'and not among the channels with issues' '{"status": "success", "data": {"result": []}}' \
    promql 'playlist_validation_is_valid{channel="CH_TV_HD_001"} == 0'
  eventually 'segment availability' positive positive 'segment_metric{http_status="200"}'
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
exactly 'disable it' '{"status":"ok","channel_id":1,"message":"Channel disabled"}' curl -s -X DELETE "$api/channels/1"
holds 'it is there and disabled' '{"channel_code": "CH_TV_HD_001", "enabled": false}' curl -s "$api/channels/1"
holds 'and alone in that' '{"channels": [{"id": 1}]}' curl -s "$api/channels?enabled=false"
if [ -n "$alertmanager" ]; then
  step 'Alertmanager is well' '"versionInfo"' curl -s "$alertmanager/api/v2/status"
  alert='[{"labels": {"alertname": "TestAlert", "severity": "major"}, "annotations": {"description": "Test alert"}}]'
  # Alertmanager took version 1 of its API away in 0.27; the alert is the same.
  version=$(curl -s -o "$work/answer" -w '%{http_code}' -X POST "$alertmanager/api/v1/alerts" -H 'Content-Type: application/json' -d "$alert")
  if [ "$version" != 200 ]; then
    version=$(curl -s -o "$work/answer" -w '%{http_code}' -X POST "$alertmanager/api/v2/alerts" -H 'Content-Type: application/json' -d "$alert")
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
if [ ${#skips[@]} -eq 0 ]; then
  echo 'All steps of the guide answer as it says.'
else
  printf 'All steps that were run answer as the guide says. Skipped:\n'
  printf '  %s\n' "${skips[@]}"
fi
