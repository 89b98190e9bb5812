#!/usr/bin/env bash
# usage: packaging/test_deb.sh PACKAGE.deb [SUITE...]     suites: bookworm trixie
# Installs the package in a fresh Debian, runs the service's command as its user, upgrades, removes and purges it. Needs root and
# debootstrap. The base systems are kept in target/debian.
set -euo pipefail
package=$(realpath "${1:?write the package}")
shift
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- bookworm trixie
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

fail() {
  echo "FAILED $suite: $1" >&2
  exit 1
}
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
settings() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp -o -path ./var -o -path ./root -o -path ./run \) -prune -o -print | LC_ALL=C sort); }

# install FILE: installs or upgrades to the package.
install_package() {
  cp "$1" "$root/tmp/package.deb"
  inside dpkg --install /tmp/package.deb >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "dpkg --install"; }
}

# The same package with another version and another exporter.yml, as a newer one has.
newer() {
  rm -rf "$work/newer"
  dpkg-deb --raw-extract "$package" "$work/newer"
  sed -i 's/^Version: .*/&+next/' "$work/newer/DEBIAN/control"
  echo "# a comment of the next version" >>"$work/newer/etc/packager_exporter/templates.yml"
  dpkg-deb --root-owner-group --build "$work/newer" "$work/newer.deb" >/dev/null
}

# Starts what the unit starts, as its user, and asks it.
service_answers() {
  local start user pid
  start=$(sed -n 's/^ExecStart=//p' "$root/lib/systemd/system/packager_exporter.service")
  user=$(sed -n 's/^User=//p' "$root/lib/systemd/system/packager_exporter.service")
  # Not by `inside`: a function in the background is a shell of its own, which would get the signal.
  # shellcheck disable=SC2086
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs $start --web.listen-address 127.0.0.1:10215 2>"$work/service" &
  pid=$!
  for _ in $(seq 100); do
    if inside packager_exporter healthcheck http://127.0.0.1:10215/-/ready >/dev/null 2>&1; then
      kill "$pid"
      wait "$pid" || fail "the service ended with $?"
      return
    fi
    sleep 0.2
  done
  kill "$pid" || true
  cat "$work/service" >&2
  fail "the service doesn't answer"
}

for suite in "$@"; do
  work=$(mktemp -d)
  base=$PWD/target/debian/$suite
  if [ ! -e "$base/complete" ]; then
    rm -rf "$base" && mkdir -p "$base"
    debootstrap --variant=minbase --include=adduser,ca-certificates,init-system-helpers "$suite" "$base/root" "$mirror" >"$base/log" 2>&1 ||
      { tail -n 5 "$base/log" >&2; fail debootstrap; }
    touch "$base/complete"
  fi
  root=$work/root
  cp -a "$base/root" "$root"
  settings >"$work/before"

  install_package "$package"
  [ "$(inside stat -c '%U:%G %a' /etc/packager_exporter/channels.yml)" = 'root:packager_exporter 640' ] || fail "rights of channels.yml"
  inside test -e /etc/systemd/system/multi-user.target.wants/packager_exporter.service || fail "the service isn't enabled"
  inside packager_exporter check-config --config.file /etc/packager_exporter/exporter.yml >/dev/null || fail "check-config"
  service_answers

  # An upgrade keeps what the administrator changed, and takes over what was not changed.
  echo 'channels: [{channel_code: CH_1, input_url: http://packager-01/1.m3u8}]' >"$root/etc/packager_exporter/channels.yml"
  echo 'DATABASE_URL=' >>"$root/etc/packager_exporter/environment"
  # What `systemctl disable` does; there is no systemd here.
  rm "$root/etc/systemd/system/multi-user.target.wants/packager_exporter.service"
  newer
  install_package "$work/newer.deb"
  grep -q CH_1 "$root/etc/packager_exporter/channels.yml" || fail "the upgrade lost channels.yml"
  grep -q '^DATABASE_URL=$' "$root/etc/packager_exporter/environment" || fail "the upgrade lost environment"
  grep -q 'next version' "$root/etc/packager_exporter/templates.yml" || fail "the upgrade didn't take over templates.yml"
  [ "$(inside stat -c '%U:%G %a' /etc/packager_exporter/channels.yml)" = 'root:packager_exporter 640' ] || fail "rights after the upgrade"
  inside test ! -e /etc/systemd/system/multi-user.target.wants/packager_exporter.service || fail "the upgrade enabled the service again"
  service_answers

  inside dpkg --remove packager-exporter >/dev/null 2>&1 || fail "dpkg --remove"
  grep -q CH_1 "$root/etc/packager_exporter/channels.yml" || fail "removing lost the configuration"
  inside dpkg --purge packager-exporter >/dev/null 2>&1 || fail "dpkg --purge"
  settings >"$work/after"
  # The databases of users have backups that end in -.
  diff <(grep -v -e '^\./etc/.*-$' "$work/before") <(grep -v -e '^\./etc/.*-$' "$work/after") >"$work/left" || { cat "$work/left" >&2; fail "the purge left files"; }
  ! inside getent passwd packager_exporter >/dev/null || fail "the purge left the user"
  ! inside getent group packager_exporter >/dev/null || fail "the purge left the group"
  echo "ok      $suite: installed, run, upgraded, removed and purged"
  rm -rf "$work"
done
