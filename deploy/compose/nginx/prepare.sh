#!/bin/sh
# usage: prepare.sh               a certificate if there is none, and the logins of .env
#        prepare.sh certificate   the certificate only; ends with 3 if it is a new one
# The image runs this before nginx starts. A certificate that this script made is made again 30 days before it expires.
set -eu

ssl=${NGINX_SSL:-/etc/nginx/ssl}
logins=${NGINX_LOGINS:-/etc/nginx/logins}

is_own() { [ "$(cat "$ssl/self_signed" 2>/dev/null)" = "$(openssl x509 -in "$ssl/cert.pem" -noout -fingerprint -sha256)" ]; }

is_needed() {
  [ -s "$ssl/cert.pem" ] && [ -s "$ssl/key.pem" ] || return 0
  is_own && ! openssl x509 -in "$ssl/cert.pem" -noout -checkend 2592000 >/dev/null
}

is_new=
if is_needed; then
  names=DNS:localhost,DNS:monitoring.local,DNS:monitoring.fpt.com.vn,DNS:api.monitor.local,DNS:grafana.monitor.local
  (umask 077 && openssl req -x509 -newkey rsa:2048 -keyout "$ssl/key.pem.new" -out "$ssl/cert.pem.new" -days 365 -nodes \
    -subj /CN=monitoring.local -addext "subjectAltName=$names,IP:127.0.0.1" 2>/dev/null)
  # Which certificate is this script's: any other one stays as it is.
  openssl x509 -in "$ssl/cert.pem.new" -noout -fingerprint -sha256 >"$ssl/self_signed"
  mv "$ssl/key.pem.new" "$ssl/key.pem"
  mv "$ssl/cert.pem.new" "$ssl/cert.pem"
  echo "a self-signed certificate was made: $ssl/cert.pem; put the real one there with its key"
  is_new=1
fi
if [ "${1:-}" = certificate ]; then [ -z "$is_new" ] || exit 3; exit 0; fi

: "${NOC_PASSWORD:?}" "${ADMIN_PASSWORD:?}" "${DEPLOYMENT:?}"
mkdir -p "$logins"
hash() { printf %s "$1" | openssl passwd -6 -stdin; }
printf 'noc:%s\nadmin:%s\n' "$(hash "$NOC_PASSWORD")" "$(hash "$ADMIN_PASSWORD")" >"$logins/users"
printf 'noc operate;\nadmin admin;\n' >"$logins/roles"
# The passwords of .env.example are known to everybody, so only this machine may use them.
case $DEPLOYMENT in
  production) : >"$logins/access" ;;
  *) printf 'allow 127.0.0.0/8;\nallow ::1;\ndeny all;\n' >"$logins/access" ;;
esac
# nginx's workers read the users at each request.
chmod 644 "$logins/users" "$logins/roles" "$logins/access"
