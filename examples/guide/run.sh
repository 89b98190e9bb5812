#!/usr/bin/env bash
# What the deployment guide does by hand, one step after the other, against a running exporter and its database:
#   API=http://127.0.0.1:5000/api/v1 DATABASE_URL=postgres://monitor_app@127.0.0.1/fpt_play_monitoring examples/guide/run.sh
# Ends with 1 at the first step that doesn't answer as the guide says. It creates channels: use it on a new database.
set -euo pipefail

api=${API:-http://127.0.0.1:5000/api/v1}
: "${DATABASE_URL:?set DATABASE_URL=postgres://user@host/database}"
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

# 2. Quick start and 3. Installation
step 'count the channels' 0 sql -c 'SELECT COUNT(*) FROM channels;'
for table in alerts channels probes templates; do step "the table $table" "$table" sql -c '\dt'; done
step 'the API is healthy' '"status":"healthy"' curl -s "$api/health"
step 'and has its database' '"database":"connected"' curl -s "$api/health"

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
step 'create a channel' '"message":"Channel created successfully"' curl -s -X POST "$api/channels" \
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
step 'or all at once' '"updated":1,"unchanged":2' curl -s -X POST "$api/channels/import" -H 'Content-Type: text/csv' \
  --data-binary "@$work/channels.csv"

# 6. Usage
step 'list all channels' CH_TV_4K_001 curl -s "$api/channels"
step 'those of tier 1 in 4K that are enabled' CH_TV_4K_001 curl -s "$api/channels?tier=1&is_4k=true&enabled=true"
step 'one of them' '"channel_code":"CH_TV_HD_001"' curl -s "$api/channels/1"
step 'update it' '"channel_name":"FPT Channel 1 HD+"' curl -s -X PUT "$api/channels/1" -H 'Content-Type: application/json' \
  -d '{"channel_name": "FPT Channel 1 HD+", "input_url": "http://packager-01/live/CH_TV_HD_001/master.m3u8", "template_id": 1}'
step 'disable it' '"message":"Channel disabled"' curl -s -X DELETE "$api/channels/1"
step 'no alert is active' '"alerts":[]' curl -s "$api/alerts/active"
step 'Alertmanager tells one' '"alerts":1' curl -s -X POST "$api/alerts/webhook" -H 'Content-Type: application/json' -d '{
  "version": "4", "alerts": [{"status": "firing", "fingerprint": "guide", "startsAt": "2026-01-31T18:00:00Z",
  "labels": {"alertname": "TestAlert", "severity": "major"}, "annotations": {"description": "Test alert"}}]}'
step 'it is active' '"alertname":"TestAlert"' curl -s "$api/alerts/active"
step 'acknowledge it' '"status":"acknowledged"' curl -s -X POST "$api/alerts/1/acknowledge"
step 'resolve it' '"status":"resolved"' curl -s -X POST "$api/alerts/1/resolve"
echo 'All steps of the guide answer as it says.'
