#!/usr/bin/env bash
# The web page in ui/: `build` writes ui/dist. `test` checks the code, builds the page and runs its unit tests. `e2e` runs the
# page in Chromium against target/debug/packager_exporter and live_origin, which must be built. Both write the numbers of
# their tests to target/ui, and the sum to target/ui/summary. Packages are those of the lock file; none of their scripts runs.
set -euo pipefail
cd "$(dirname "$0")/../ui"

if ! command -v npm >/dev/null || ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
  echo "The web page needs Node.js 20.19 or later and npm." >&2
  exit 1
fi

results=$(cd .. && pwd)/target/ui
mkdir -p "$results"
if ! cmp -s package-lock.json "$results/installed" || [ ! -d node_modules ]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json "$results/installed"
fi

# tests NAME SCRIPT: runs the package's script, and prints how many of all tests so far passed and failed.
tests() {
  local code=0
  npm run --silent "$2" -- --reporter=default --reporter=json --outputFile.json="$results/$1.json" || code=$?
  node -e 'let passed = 0, failed = 0
for (const file of process.argv.slice(1)) {
  const run = JSON.parse(require("fs").readFileSync(file))
  passed += run.numPassedTests
  // A file that could not even be loaded has no tests.
  failed += run.numFailedTests || run.numFailedTestSuites
}
console.log(`ui: ${passed} passed, ${failed} failed`)' "$results"/*.json | tee "$results/summary"
  return $code
}

case ${1:-} in
  build) npm run --silent build ;;
  test)
    npm run --silent build
    npm run --silent check
    rm -f "$results"/*.json "$results/summary"
    tests unit test ;;
  e2e)
    if [ ! -e dist/index.html ]; then
      echo "ui/dist is missing: run \`make ui\` first, which builds the page that Chromium opens." >&2
      exit 1
    fi
    tests e2e e2e ;;
  *) echo "usage: scripts/ui.sh build|test|e2e" >&2; exit 2 ;;
esac
