#!/usr/bin/env bash
# Compiles every target with the oldest supported Rust (`rust-version` of Cargo.toml), in a target folder of its own.
# Rustup installs that toolchain. Without rustup or its server nothing is compiled, and the last line says so.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
if ! command -v rustup >/dev/null; then
  echo "Rust $version: NOT CHECKED, rustup is not installed." >&2
  exit 0
fi
if ! rustup run "$version" rustc --version >/dev/null 2>&1 &&
  ! rustup toolchain install "$version" --profile minimal --no-self-update; then
  echo "Rust $version: NOT CHECKED, rustup can't install it." >&2
  exit 0
fi
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/msrv cargo "+$version" check --locked --quiet --workspace --all-targets
echo "Rust $version: every target compiles."
