# One command for each thing a developer does. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run test client bench sounds check fmt clean-cache

CACHE := $(or $(MUMBLE_AI_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mumble-ai)

help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Installs and starts all that is missing, asks one spoken question, stays up until Ctrl-C.
	@scripts/run.sh

# OLLAMA_URL=none: the tests start servers of their own, and must not touch one of yours.
test: ## Runs every test, the end-to-end ones against real servers included.
	@OLLAMA_URL=none scripts/install.sh apt speech ollama model test servers
	cargo build --workspace --all-targets
	cargo test --workspace

client: ## Lets Debian's own Mumble client talk with the assistant, without a screen.
	@tests/debian_client.sh

bench: ## Measures the time from the end of a question to the first sound of the answer.
	@OLLAMA_URL=none scripts/install.sh apt speech ollama model qwen
	cargo bench --package mumble-ai-tests

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
