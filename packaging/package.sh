#!/usr/bin/env bash
# usage: packaging/package.sh [deb|tarball|helm|image]...
# Makes packages in target/packages: all that this machine has the tools for, or the named ones.
#   deb      Debian package of the program for this machine's glibc; needs dpkg-dev
#   tarball  static program (musl) with manual pages, completions, configuration, rules and dashboards; needs
#            `rustup target add x86_64-unknown-linux-musl` and musl-tools
#   helm     chart for Kubernetes; needs helm 3
#   image    container image; needs Docker
# PROGRAM=FILE packages that program in place of a release build.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
machine=$(uname -m)
out=$PWD/target/packages
# packaging/helm/check.sh puts helm there.
PATH=$PWD/target/tools/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# The commit's time, so that the same commit makes the same files.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
PACKAGER_EXPORTER_REVISION=${PACKAGER_EXPORTER_REVISION:-$(git rev-parse --short HEAD 2>/dev/null || true)}
export PACKAGER_EXPORTER_REVISION

# build TARGET: the path of the release program.
build() {
  cargo build --locked --release --package packager_exporter --bin packager_exporter --target "$1" >&2
  echo "target/$1/release/packager_exporter"
}

# A file that a package needs and the source can't have: the licences of the crates inside of the program.
crates() {
  cargo tree --locked --package packager_exporter --edges normal --prefix none --format '{p} {l}' |
    sed 's/ (proc-macro)//; s/ (\*)$//; s# ([^)]*/[^)]*)##' | sort -u
}

# common PROGRAM FOLDER: manual pages and completions.
common() {
  "$1" man-pages "$2/man"
  mkdir -p "$2/completions"
  for shell in bash zsh fish; do "$1" completions "$shell" >"$2/completions/$shell"; done
}

deb() {
  local program root size libraries
  program=${PROGRAM:-$(build "$machine-unknown-linux-gnu")}
  root=$work/deb
  install -D -m 755 "$program" "$root/usr/bin/packager_exporter"
  common "$root/usr/bin/packager_exporter" "$work/common"
  mkdir -p "$root/usr/share/man/man1"
  cp "$work"/common/man/*.1 "$root/usr/share/man/man1/"
  gzip -9n "$root"/usr/share/man/man1/*.1
  install -D -m 644 "$work/common/completions/bash" "$root/usr/share/bash-completion/completions/packager_exporter"
  install -D -m 644 "$work/common/completions/zsh" "$root/usr/share/zsh/vendor-completions/_packager_exporter"
  install -D -m 644 "$work/common/completions/fish" "$root/usr/share/fish/vendor_completions.d/packager_exporter.fish"
  mkdir -p "$root/lib/systemd/system"
  sed 's#/usr/local/bin/#/usr/bin/#' examples/systemd/packager_exporter.service >"$root/lib/systemd/system/packager_exporter.service"
  install -d -m 755 "$root/etc/packager_exporter"
  install -m 640 config/exporter.yml config/channels.yml config/templates.yml packaging/deb/environment "$root/etc/packager_exporter/"
  shared "$root/usr/share/packager_exporter"
  mkdir -p "$root/usr/share/doc/packager-exporter"
  cp packaging/deb/copyright.in "$root/usr/share/doc/packager-exporter/copyright"
  crates >"$root/usr/share/doc/packager-exporter/crates.txt"
  gzip -9nc CHANGELOG.md >"$root/usr/share/doc/packager-exporter/changelog.gz"
  find "$root" -type d -exec chmod 755 {} +
  find "$root/usr/share" "$root/lib" -type f -exec chmod 644 {} +

  mkdir -p "$root/DEBIAN" "$work/debian"
  # dpkg-shlibdeps wants a source package around it.
  touch "$work/debian/control"
  libraries=$(cd "$work" && dpkg-shlibdeps -O -e"$root/usr/bin/packager_exporter" 2>/dev/null | sed 's/^shlibs:Depends=//')
  size=$(du -k -s --apparent-size --exclude=DEBIAN "$root" | cut -f 1)
  sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$(dpkg --print-architecture)/" -e "s/@LIBRARIES@/$libraries/" \
    -e "s/@SIZE@/$size/" packaging/deb/control.in >"$root/DEBIAN/control"
  (cd "$root" && find etc -type f -printf '/%p\n' | LC_ALL=C sort) >"$root/DEBIAN/conffiles"
  install -m 755 packaging/deb/postinst packaging/deb/prerm packaging/deb/postrm "$root/DEBIAN/"
  (cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  dpkg-deb --root-owner-group --build "$root" "$out" | sed 's/^/deb: /'
}

# shared FOLDER: what users copy from.
shared() {
  mkdir -p "$1"
  cp -r rules dashboards "$1/"
  rm -rf "$1/rules/tests" "$1"/dashboards/*.yml
  mkdir -p "$1/config"
  cp -r config/. "$1/config/"
}

tarball() {
  local program name root
  program=${PROGRAM:-$(build "$machine-unknown-linux-musl")}
  if [ -z "${PROGRAM:-}" ] && ldd "$program" 2>&1 | grep -q '=>'; then
    echo "tarball: $program needs shared libraries" >&2
    return 1
  fi
  name=packager_exporter-$version-$machine-linux-musl
  root=$work/$name
  install -D -m 755 "$program" "$root/packager_exporter"
  common "$program" "$root"
  shared "$root"
  mkdir -p "$root/systemd"
  cp examples/systemd/packager_exporter.service "$root/systemd/"
  cp README.md CHANGELOG.md LICENSE NOTICE "$root/"
  crates >"$root/crates.txt"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work" -czf "$out/$name.tar.gz" "$name"
  echo "tarball: $out/$name.tar.gz"
}

helm_chart() {
  packaging/helm/prepare.sh "$work/chart"
  helm lint --strict "$work/chart/packager-exporter"
  helm package "$work/chart/packager-exporter" --destination "$out"
}

image() {
  docker build --build-arg REVISION="$PACKAGER_EXPORTER_REVISION" --tag "packager_exporter:$version" .
}

# Without names: what this machine has the tools for.
try() {
  local missing=$1 what=$2
  if eval "$missing"; then "$what"; else echo "$what: left out; see the first lines of $0" >&2; fi
}

if [ $# -eq 0 ]; then
  try 'command -v dpkg-shlibdeps >/dev/null' deb
  try 'command -v musl-gcc >/dev/null && rustup target list --installed 2>/dev/null | grep -q linux-musl' tarball
  try 'command -v helm >/dev/null' helm_chart
  try 'docker info >/dev/null 2>&1' image
else
  for what in "$@"; do
    case $what in
      deb | tarball | image) "$what" ;;
      helm) helm_chart ;;
      *) echo "write deb, tarball, helm or image, not $what" >&2; exit 2 ;;
    esac
  done
fi
