#!/usr/bin/env bash
# Fuzzes the parsers with cargo-fuzz: scripts/fuzz.sh [SECONDS [TARGET...]]; without arguments, a minute each.
# Needs a nightly compiler (rustup toolchain install nightly). Seeds are what the live origin serves. A finding stops
# the run; fuzz/artifacts/TARGET/ has its bytes, and `cargo +nightly fuzz run TARGET FILE` shows it again.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(segment fragment playlist mpd patch bitstream message)
target_dir=${CARGO_TARGET_DIR:-target}
# Large enough for every structure of a segment, little enough for hundreds of runs a second.
longest=32768

command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
cargo build --locked --package packager_testbed --bin live_origin
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
"$target_dir/debug/live_origin" --listen 127.0.0.1:0 >"$work/origin.log" &
until [ -s "$work/origin.log" ]; do sleep 0.1; done
origin=$(sed -n '1s/.* //p' "$work/origin.log")

# seed TARGET NAME: standard input, behind the bytes that the target takes for itself.
seed() {
  mkdir -p "fuzz/corpus/$1"
  cat >"fuzz/corpus/$1/$2"
}
get() { curl -sf -m 10 "$origin$1" || true; }
listed() { get "$1" | grep -v '^#' | tail -n 1; }

for path in $(sed -n 's/^  \(\/[^ ,]*\).*/\1/p' "$work/origin.log"); do
  case $path in
    */manifest_endless/* | */manifest_huge/* | */gzip_bomb/* | */lines_10m/* | */silent/* | */redirect_loop/*) continue ;;
    */updates.mpd)
      from=$(get "$path" | sed -n 's/.*updates.mpp?from=\([0-9]*\).*/\1/p')
      { get "${path%/*}/updates.mpp?from=$((from - 6000))"; printf '\0'; get "$path"; } | head -c $longest | seed patch "$(tr / _ <<<"$path")"
      continue ;;
    *.mpd)
      get "$path" | head -c $longest | seed mpd "$(tr / _ <<<"$path")"
      # A file with an index, where the MPD names one.
      for file in $(get "$path" | grep -o '[^<>"]*file[0-9]*\.mp4' | head -n 1); do
        { printf '\3'; get "${path%/*}/$file" | head -c $longest; } | seed segment "$(tr / _ <<<"$path")"
      done
      continue ;;
    *.m3u8) get "$path" | head -c $longest | seed playlist "$(tr / _ <<<"$path")" ;;
  esac
  case $path in /live/*) ;; *) continue ;; esac
  folder=${path%/*}
  for rendition in $(get "$path" | grep -o '[a-z0-9]*/[a-z]*\.m3u8' | sort -u); do
    name=$(tr / _ <<<"$folder/$rendition")
    get "$folder/$rendition" | head -c $longest | seed playlist "$name"
    segment=$folder/${rendition%/*}/$(listed "$folder/$rendition")
    { printf '\3'; get "$segment" | head -c $longest; } | seed segment "$name"
    get "$folder/${rendition%/*}/init.mp4" >"$work/init"
    [ -s "$work/init" ] || continue
    printf -v size '%04x' "$(stat -c %s "$work/init")"
    { printf "\\x${size:0:2}\\x${size:2}"; cat "$work/init"; get "$segment" | head -c $longest; } | seed fragment "$name"
  done
done
# The parsers that read a part of a segment begin with whole ones: libFuzzer cuts them.
for file in fuzz/corpus/fragment/*; do
  for which in 0 1 2 3 4 5 6 7; do { printf "\\$which"; head -c 2050 "$file" | tail -c +3; } | seed bitstream "${file##*/}_$which"; done
done
count=0
for text in $(cat fuzz/corpus/playlist/* | grep -aoE '/DA[A-Za-z0-9+/]{20,}=*' | sort -u | head -n 20); do
  { printf '\0'; base64 -d <<<"$text" || true; } | seed message "splice_$((count += 1))"
done
for file in fuzz/corpus/fragment/*; do { printf '\1'; head -c 2050 "$file" | tail -c +3; } | seed message "${file##*/}"; done

for name in "${targets[@]}"; do
  cargo +nightly fuzz run "$name" -- -max_total_time="$seconds" -max_len=$((longest * 2)) -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 2>&1 | tee "$work/$name.log" | grep -E 'ERROR|panicked|SUMMARY|stat::' || true
  if grep -q 'SUMMARY' "$work/$name.log"; then
    tail -n 30 "$work/$name.log" >&2
    exit 1
  fi
  printf '%s: %s runs, coverage %s, peak memory %s MB, no finding\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log")" \
    "$(grep -o 'cov: [0-9]*' "$work/$name.log" | tail -n 1 | cut -d' ' -f2)" \
    "$(sed -n 's/^stat::peak_rss_mb: *//p' "$work/$name.log")"
done
