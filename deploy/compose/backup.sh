#!/bin/sh
# usage: backup.sh postgres|influxdb        a backup each BACKUP_INTERVAL seconds, for ever
#        backup.sh postgres|influxdb once   one backup now
#        backup.sh postgres|influxdb check  ends with 1 if the newest backup is too old
#        backup.sh postgres restore FILE    puts a backup of BACKUP_FOLDER in place of what the database has
# Backups are in BACKUP_FOLDER; the newest BACKUP_KEEP of a kind are kept. A backup has its name only when it is complete.
# While backups fail, Alertmanager at ALERTMANAGER (host:port) has the alert BackupFailing.
set -eu
# Backups hold what the databases hold: the URLs of channels with their tokens.
umask 077

kind=${1:?write postgres or influxdb}
folder=${BACKUP_FOLDER:-/backups}
interval=${BACKUP_INTERVAL:-86400}
keep=${BACKUP_KEEP:-7}
case $kind in
  postgres) ending=.sql.gz ;;
  influxdb) ending= ;;
  *) echo "write postgres or influxdb, not $kind" >&2; exit 2 ;;
esac

# Names contain the time, so their order is that of the backups.
backups() { find "$folder" -mindepth 1 -maxdepth 1 -name "$kind-*Z$ending" | sort; }

# A backup that is younger than this number of seconds exists.
is_recent() {
  minutes=$(($1 / 60))
  [ -n "$(find "$folder" -mindepth 1 -maxdepth 1 -name "$kind-*Z$ending" -mmin "-$minutes" | head -n 1)" ]
}

# Tells Alertmanager that backups fail, or with a time that they failed until then. bash opens the connection, because the image has no
# curl. Alertmanager ends an alert that isn't sent again within its `resolve_timeout` (5m).
alert() {
  [ -n "${ALERTMANAGER:-}" ] || return 0
  newest=$(backups | tail -n 1)
  description="The newest backup is ${newest##*/}. \`docker compose logs backup-$kind\` has the reason."
  [ -n "$newest" ] || description="There is no backup. \`docker compose logs backup-$kind\` has the reason."
  ends=
  [ -z "${1:-}" ] || ends=",\"endsAt\":\"$1\""
  body="[{\"labels\":{\"alertname\":\"BackupFailing\",\"severity\":\"major\",\"database\":\"$kind\"},
    \"annotations\":{\"summary\":\"Backups of $kind fail\",\"description\":\"$description\"}$ends}]"
  # shellcheck disable=SC2016
  BODY=$body timeout 10 bash -c '
    exec 3<>"/dev/tcp/${ALERTMANAGER%:*}/${ALERTMANAGER##*:}"
    printf "POST /api/v2/alerts HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s" \
      "$ALERTMANAGER" "${#BODY}" "$BODY" >&3
    read -r _ status _ <&3
    [ "$status" = 200 ]' 2>/dev/null || echo "Alertmanager at $ALERTMANAGER did not take the alert BackupFailing" >&2
}

backup() {
  name=$kind-$(date -u +%Y%m%dT%H%M%SZ)$ending
  partial=$folder/$name.partial
  rm -rf "$folder/$kind"-*.partial
  case $kind in
    # PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE say which database.
    postgres) pg_dump --clean --if-exists --no-owner --compress=6 --file="$partial" ;;
    # INFLUX_HOST and INFLUX_TOKEN say which server.
    influxdb) influx backup "$partial" ;;
  esac || { rm -rf "$partial"; echo "the backup of $kind failed" >&2; return 1; }
  mv "$partial" "$folder/$name"
  # The time of the folder is the time of its backup.
  touch "$folder/$name"
  echo "backup written: $folder/$name"
  backups | head -n "-$keep" | while read -r old; do rm -rf "$old"; done
}

# Everything or nothing. The schema is emptied first: tables of a newer version, which the dump doesn't have, would stay otherwise, and
# the migration that creates them would fail.
restore() {
  sql=$(mktemp)
  trap 'rm -f "$sql"' EXIT
  gunzip -c "$folder/${1##*/}" >"$sql" || { echo "$folder/${1##*/} can't be read: nothing was restored" >&2; exit 1; }
  psql -q -X -v ON_ERROR_STOP=1 --single-transaction -c 'SET client_min_messages = warning' \
    -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public' -c 'GRANT USAGE ON SCHEMA public TO PUBLIC' \
    -f "$sql" -c 'NOTIFY packager_catalogue' >/dev/null || { echo "nothing was restored" >&2; exit 1; }
  echo "restored: ${1##*/}"
}

case ${2:-} in
  once) backup ;;
  check) is_recent $((interval * 2)) ;;
  restore)
    [ "$kind" = postgres ] || { echo "write influx restore --full" >&2; exit 2; }
    restore "${3:?write the name of a backup}"
    ;;
  '')
    # Ends at once when the container stops.
    trap 'exit 0' TERM INT
    failing=
    while true; do
      if is_recent "$interval" || backup; then
        [ -z "$failing" ] || alert "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
        failing=
      else
        # The next attempt follows in a minute: a database that was restarted is no alert.
        is_recent $((interval + 900)) || { failing=1; alert; }
      fi
      sleep 60 &
      wait $!
    done
    ;;
  *) echo "write once, check or restore, not $2" >&2; exit 2 ;;
esac
