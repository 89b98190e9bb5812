# `make demo` and `make test` do all set-up themselves on a Debian machine with Rust.

CARGO ?= cargo
RUST_FILES = $(shell git ls-files --cached --others --exclude-standard '*.rs')

.PHONY: demo quiet test check fmt lint deny advisories unit docs detection bench tools

## A live origin, the exporter and channels to probe; over PostgreSQL where it is installed. Ends with Ctrl-C.
demo:
	$(CARGO) build --locked --bin packager_exporter --example live_origin
	examples/demo/run.sh

## The demo's clean channels with database, rules, Alertmanager and whom it tells: nothing may alert. QUIET_SECONDS=3600 make quiet
quiet: tools
	QUIET_SECONDS=$${QUIET_SECONDS:-600} $(CARGO) test --locked --test integration -- the_demo_without_its_faults --nocapture

## Installs what the tests need and runs everything.
test: tools check

check: fmt lint deny unit

tools:
	scripts/install_test_tools.sh

# rustfmt doesn't follow modules that a macro declares, so every file is named.
fmt:
	rustfmt --edition 2024 --check $(RUST_FILES)

lint:
	$(CARGO) clippy --locked --all-targets -- -D warnings

deny:
	scripts/cargo_deny.sh check licenses bans sources

## Known vulnerabilities; needs the internet.
advisories:
	scripts/cargo_deny.sh check advisories

# The long tests wait for a minute or two of real time; more threads than processors let them wait together.
unit:
	RUST_TEST_THREADS=8 $(CARGO) test --locked --all-targets

## Writes the generated documentation.
docs:
	$(CARGO) run --locked -q -- list-checks --format markdown > docs/checks.md
	$(CARGO) run --locked -q -- list-metrics > docs/metrics.md
	$(CARGO) run --locked -q --example dashboards

## Measures detection: every fault of the live origin, and clean streams of real packagers. About four minutes.
detection: tools
	$(CARGO) run --locked -q --release --example detection > docs/detection.md.new
	mv docs/detection.md.new docs/detection.md

## Speed and memory against a plain download in the same run, then the criterion benches.
bench:
	mkdir -p docs
	$(CARGO) build --locked --release --bin packager_exporter --example live_origin
	$(CARGO) run --locked -q --release --example bench_probe > docs/performance.md.new
	mv docs/performance.md.new docs/performance.md
	$(CARGO) bench --locked
