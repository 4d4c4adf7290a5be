# One command for each thing a developer does. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run test soak outage client bench fuzz sounds check fmt clean-cache

CACHE := $(or $(MUMBLE_AI_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mumble-ai)

help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Installs and starts all that is missing, asks one spoken question, stays up until Ctrl-C.
	@scripts/run.sh

# OLLAMA_URL=none: the tests start servers of their own, and must not touch one of yours.
test: ## Runs every test, the end-to-end ones against real servers included.
	@OLLAMA_URL=none scripts/install.sh apt speech ollama model embedding test stores servers phones
	cargo build --workspace --all-targets
	cargo test --workspace

soak: ## Ten minutes of fifty voices, then ten of random faults: nothing is missed, memory stays flat.
	@OLLAMA_URL=none scripts/install.sh apt
	SOAK_SECONDS=600 cargo test --package mumble-ai-tests --test it soak:: -- --nocapture --test-threads=1

outage: ## Ends and starts each real server while somebody goes on asking: never a silence.
	@OLLAMA_URL=none scripts/install.sh apt speech ollama model
	cargo build --package mumble-ai
	cargo run --package mumble-ai-tests --example outage

client: ## Lets Debian's own Mumble client talk with the assistant, without a screen.
	@tests/debian_client.sh

bench: ## Measures what benchmarks/ shows: time to an answer, recall, cost of a datagram, a voice, a call.
	@OLLAMA_URL=none scripts/install.sh apt speech ollama model embedding qwen test stores servers
	cargo bench --package mumble-ai-tests

# How often each target of the fuzzer is called.
FUZZ_RUNS ?= 1000000
FUZZ_TARGETS := control legacy protobuf crypt text session
FUZZ_TARGETS_PHONE := message stream description packet reports values call

fuzz: ## Gives a million mutated inputs to each part that reads what a network sent.
	@cargo fuzz --version >/dev/null 2>&1 || { echo 'cargo-fuzz is missing: cargo install --locked cargo-fuzz; it needs a nightly toolchain and a C++ compiler' >&2; exit 69; }
	cargo run --quiet --manifest-path crates/mumble/fuzz/Cargo.toml --target-dir target/fuzz --example seeds
	cd crates/mumble && for target in $(FUZZ_TARGETS); do \
		cargo +nightly fuzz run --sanitizer none --target-dir "$(CURDIR)/target/fuzz" $$target -- \
			-runs=$(FUZZ_RUNS) -rss_limit_mb=1024 -timeout=10 || exit; done
	cargo run --quiet --manifest-path bridge-sip/fuzz/Cargo.toml --target-dir target/fuzz --example seeds
	cd bridge-sip && for target in $(FUZZ_TARGETS_PHONE); do \
		cargo +nightly fuzz run --sanitizer none --target-dir "$(CURDIR)/target/fuzz" $$target -- \
			-runs=$(FUZZ_RUNS) -rss_limit_mb=1024 -timeout=10 || exit; done

sounds: ## Makes config/sounds/ anew with the packaged voice.
	@scripts/install.sh speech
	@scripts/sounds.sh

check: ## Checks format, lints, documentation, and what the product may link.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace
	@command -v cargo-deny >/dev/null || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 69; }
	cargo deny check bans licenses sources

fmt: ## Formats the code.
	cargo fmt --all

clean-cache: ## Removes everything that the scripts installed outside Debian's packages.
	rm -rf "$(CACHE)"
