#!/bin/sh
# Refuses passwords that other services would not understand, and the development defaults in production.
# The variables are those of .env; every other service waits for this one.
set -eu

faults=0
fault() {
  echo "$1" >&2
  faults=$((faults + 1))
}

case ${DEPLOYMENT:-} in
  development | production) ;;
  *) fault "DEPLOYMENT is \`${DEPLOYMENT:-}\`; write development or production" ;;
esac

for name in POSTGRES_PASSWORD INFLUXDB_PASSWORD INFLUXDB_TOKEN GRAFANA_PASSWORD NOC_PASSWORD ADMIN_PASSWORD; do
  eval "value=\${$name:-}"
  # shellcheck disable=SC2154
  case $value in
    '') fault "$name is empty; make a value with \`openssl rand -hex 24\`" && continue ;;
    # The password of the database is part of a URL, and the values are written into configuration files.
    *[!A-Za-z0-9._~-]*) fault "$name has characters other than letters, digits and . _ ~ -" && continue ;;
  esac
  [ "$DEPLOYMENT" = production ] || continue
  case $value in
    *change_me* | your_*) fault "$name has the development default, which everybody knows; make a value with \`openssl rand -hex 24\`" ;;
    ????????????????*) ;;
    *) fault "$name is shorter than 16 characters; make a value with \`openssl rand -hex 24\`" ;;
  esac
done

if [ "${DEPLOYMENT:-}" = production ]; then
  case ${EXTERNAL_URL:-} in
    '' | *://localhost* | *://127.*) fault "EXTERNAL_URL is \`${EXTERNAL_URL:-}\`; write the address under which browsers reach nginx" ;;
  esac
fi

[ "$faults" -eq 0 ] || { echo "Correct .env and run docker compose up -d again." >&2; exit 1; }
echo "The values of .env are usable for ${DEPLOYMENT}."
