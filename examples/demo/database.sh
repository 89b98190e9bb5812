# A PostgreSQL of its own in a folder, on a free port of 127.0.0.1, for examples/demo/run.sh. Sets database_url, or
# database_missing to why there is none.

database_bin=
database_data=
database_url=
database_missing=
# PostgreSQL refuses to run as root; Debian's package brings its user.
as_server=()

database_found() {
  local candidate
  for candidate in "$(command -v initdb || true)" $(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -Vr); do
    if [ -x "$candidate" ]; then database_bin=$(dirname "$(readlink -f "$candidate")"); break; fi
  done
  [ -n "$database_bin" ] && command -v psql >/dev/null || return 1
  if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 && command -v setpriv >/dev/null || return 1
    as_server=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  fi
}

database_start() {
  local port
  database_missing='PostgreSQL is not installed (Debian: postgresql)'
  database_found || return 1
  database_missing='PostgreSQL is installed but did not start, see above'
  database_data=$(mktemp -d)
  if [ "$(id -u)" = 0 ]; then chown postgres "$database_data"; fi
  (cd "$database_data" && LC_ALL=C "${as_server[@]}" "$database_bin/initdb" --username=monitor_app --auth=trust \
    --encoding=UTF8 --no-sync -D "$database_data/data" >"$1/initdb.log" 2>&1) || { cat "$1/initdb.log" >&2; return 1; }
  for port in $(seq 15432 15452); do
    (cd "$database_data" && LC_ALL=C "${as_server[@]}" "$database_bin/pg_ctl" -w -t 30 -D "$database_data/data" \
      -l "$database_data/log" -o "-h 127.0.0.1 -p $port -k $database_data -c fsync=off" start >/dev/null 2>&1) || continue
    database_url=postgres://monitor_app@127.0.0.1:$port/fpt_play_monitoring
    psql -Xq "postgres://monitor_app@127.0.0.1:$port/postgres" -c 'CREATE DATABASE fpt_play_monitoring' && return 0
    return 1
  done
  cat "$database_data/log" >&2
  return 1
}

database_stop() {
  if [ -z "$database_data" ]; then return 0; fi
  (cd / && "${as_server[@]}" "$database_bin/pg_ctl" -m immediate -D "$database_data/data" stop >/dev/null 2>&1) || true
  rm -rf "$database_data"
}

# The demo's templates (templates.yml has the same) and its channels.
import_catalogue() {
  local csv=$1.csv
  "$2" migrate >/dev/null
  psql -Xq -v ON_ERROR_STOP=1 "$database_url" -f examples/demo/config/templates.sql
  {
    echo channel_code,input_url,template_id,channel_type,tier,codec,resolution,fps
    awk '
      FNR == NR { id[$1] = $2; next }
      function row() { if (code) print code "," url "," id[template] ",LIVE,1,H.264," resolution ",25"; code = "" }
      /- *channel_code:/ { row(); code = $NF; template = "DEMO_2S"; resolution = "1920x1080" }
      /^ +template:/ { if (code) template = $2 }
      /^ +resolution:/ { if (code) resolution = $2 }
      /input_url:/ { url = $2 }
      END { row() }
    ' <(psql -XAtq -F ' ' "$database_url" -c 'SELECT template_name, id FROM templates') "$1"
  } >"$csv"
  "$2" import "$csv"
}
