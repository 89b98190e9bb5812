#!/bin/sh
# The image runs this before nginx starts: a certificate if there is none, and the logins of .env.
set -eu

ssl=${NGINX_SSL:-/etc/nginx/ssl}
logins=${NGINX_LOGINS:-/etc/nginx/logins}
: "${NOC_PASSWORD:?}" "${ADMIN_PASSWORD:?}" "${DEPLOYMENT:?}"

if [ ! -s "$ssl/cert.pem" ] || [ ! -s "$ssl/key.pem" ]; then
  names=DNS:localhost,DNS:monitoring.local,DNS:monitoring.fpt.com.vn,DNS:api.monitor.local,DNS:grafana.monitor.local
  (umask 077 && openssl req -x509 -newkey rsa:2048 -keyout "$ssl/key.pem" -out "$ssl/cert.pem" -days 365 -nodes \
    -subj /CN=monitoring.local -addext "subjectAltName=$names,IP:127.0.0.1" 2>/dev/null)
  echo "a self-signed certificate was made: $ssl/cert.pem; put the real one there with its key"
fi

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
