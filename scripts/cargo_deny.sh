#!/usr/bin/env bash
# Runs cargo-deny with the arguments given: the installed one, else one that is built once into target/tools.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.19.0
tools=$PWD/target/tools
deny=$(command -v cargo-deny || true)

if [ -z "$deny" ]; then
  deny=$tools/bin/cargo-deny
  if ! "$deny" --version 2>/dev/null | grep -qx "cargo-deny $version"; then
    echo "Building cargo-deny $version; this is done once and takes some minutes." >&2
    # Its release profile optimises across all crates, which takes longer than a year of its runs would save.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
      cargo install --locked --quiet cargo-deny --version "$version" --root "$tools" --target-dir "$tools/build"
    rm -rf "$tools/build"
  fi
fi
exec "$deny" --locked "$@"
