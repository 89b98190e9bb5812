# `make demo` and `make test` install what they need on a Debian machine with Rust. `make` lists all targets.

CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help demo quiet test check fmt fmt-check lint deny advisories msrv unit mutants ui ui-test ui-e2e docs detection bench quality
.PHONY: tools package package-check

help: ## List these targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Start a live origin with healthy and faulty channels and the exporter with its web page. Ctrl-C ends it.
	scripts/ui.sh build || echo "The demo runs without the web page: see above." >&2
	$(CARGO) build --locked --package packager_exporter --package packager_testbed --bins
	examples/demo/run.sh

test: tools ui-test unit ui-e2e ## Install the test tools (apt, pip, npm) and run every test.

check: tools fmt-check lint deny ui-test unit ui-e2e ## Run `make test`, and check format, lints and licences.

fmt: ## Format the code.
	$(CARGO) fmt --all

fmt-check: ## Check the format of the code.
	$(CARGO) fmt --all --check

lint: ## Run clippy; every warning is an error.
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

deny: ## Check licences, sources and duplicates of the dependencies.
	scripts/cargo_deny.sh check licenses bans sources

advisories: ## Check the dependencies for known vulnerabilities. Needs the internet.
	scripts/cargo_deny.sh check advisories

msrv: ## Compile everything with the oldest supported Rust.
	scripts/msrv.sh

# Some tests wait for a minute or two of real time: with more threads than processors they wait at the same time.
unit: ## Run every test; the test tools must be installed.
	RUST_TEST_THREADS=12 $(CARGO) test --locked --workspace --all-targets

mutants: ## Change the code in 100 small ways (MUTANTS="--seed 2 --count 50"), and list the changes that no test notices.
	$(CARGO) xtask mutants $(MUTANTS)

ui: ## Build the web page into ui/dist, which a release build embeds. Needs Node.js 20.19 or later.
	scripts/ui.sh build

ui-test: ## Check and build the web page, and run its unit tests.
	scripts/ui.sh test

# The whole workspace, as the tests: of a selection the dependencies would be compiled anew, with other features.
ui-e2e: ## Run the web page in Chromium against the exporter and the live origin. Needs `make ui tools`.
	$(CARGO) build --locked --workspace --bins
	scripts/ui.sh e2e

docs: ## Write the generated documentation, the dashboards' JSON and the check ids in the alert rules.
	$(CARGO) run --locked -q -- list-checks --format markdown > docs/checks.md.new
	$(CARGO) run --locked -q -- list-metrics > docs/metrics.md.new
	mv docs/checks.md.new docs/checks.md
	mv docs/metrics.md.new docs/metrics.md
	$(CARGO) xtask dashboards
	$(CARGO) xtask rules

detection: tools ## Play every fault and clean streams of real packagers, and write docs/detection.md. Twenty minutes.
	$(CARGO) build --locked --release --package packager_exporter --package xtask --bins
	$(CARGO) run --locked -q --release --package xtask -- detection > docs/detection.md.new
	mv docs/detection.md.new docs/detection.md

bench: ## Measure speed and memory, and write docs/performance.md.
	mkdir -p docs
	$(CARGO) build --locked --release --package packager_exporter --package packager_testbed --package xtask --bins
	$(CARGO) run --locked -q --release --package xtask -- bench > docs/performance.md.new
	scripts/ui.sh build
	node ui/scripts/figures.mjs >> docs/performance.md.new
	mv docs/performance.md.new docs/performance.md
	$(CARGO) bench --locked --workspace --features packager_exporter/testing

quality: ## Calibrate the estimate of the mean opinion score: encodes, VMAF and fit, for docs/signal.md. One hour or more.
	$(CARGO) build --locked --release --package packager_exporter --bins
	scripts/quality.sh

package: ## Make packages in target/packages: Debian package, static tarball, Helm chart, image; each if its tools are there.
	packaging/package.sh

package-check: ## Check the Helm chart, and install the Debian package in fresh Debians (needs root, debootstrap and Go).
	packaging/helm/check.sh
	packaging/test_deb.sh target/packages/packager-exporter_*.deb

quiet: tools ## Run healthy channels for QUIET_SECONDS (600) with Prometheus and Alertmanager: nothing may alert.
	QUIET_SECONDS=$${QUIET_SECONDS:-600} $(CARGO) test --locked --test integration -- the_demo_without_its_faults --nocapture

tools: ## Install the test tools that are missing.
	scripts/install_test_tools.sh
