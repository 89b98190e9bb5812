#!/bin/sh
# usage: backup.sh postgres|influxdb        a backup each BACKUP_INTERVAL seconds, for ever
#        backup.sh postgres|influxdb once   one backup now
#        backup.sh postgres|influxdb check  ends with 1 if the newest backup is too old
# Backups are in BACKUP_FOLDER; the newest BACKUP_KEEP of a kind are kept. A backup has its name only when it is complete.
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

case ${2:-} in
  once) backup ;;
  check) is_recent $((interval * 2)) ;;
  '')
    # Ends at once when the container stops.
    trap 'exit 0' TERM INT
    while true; do
      is_recent "$interval" || backup || true
      sleep 60 &
      wait $!
    done
    ;;
  *) echo "write once or check, not $2" >&2; exit 2 ;;
esac
