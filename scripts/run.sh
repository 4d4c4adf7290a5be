#!/usr/bin/env bash
# Installs what is missing, starts what is missing, asks one spoken question, stays up.
#
# Usage: scripts/run.sh                      (`make run`; Ctrl-C ends everything it started)
#        ONCE=1 scripts/run.sh               ends after the answer, with the exit code of the ask
#
# A server of yours is used and left as it is: one that a variable names, or one that answers its
# protocol on its default port. What is missing is started on 127.0.0.1.
#
# Environment: MUMBLE_HOST MUMBLE_PORT WHISPER_URL PIPER_URL OLLAMA_URL OLLAMA_MODEL STATE_DIR and
# whatever else `mumble-ai config` shows; QUESTION (default: the capital of France).
# Exit codes: 64 a wrong setting, 69 something is missing and the line before says what to do.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/kit.sh"
cd "$SCRIPTS/.."

QUESTION=${QUESTION:-What is the capital of France?}
# How long to wait for the first sound of the answer, and for a model to be loaded.
ANSWER_S=60
LOAD_S=120

main() {
    RUN=$(mktemp -d "${TMPDIR:-/tmp}/mumble-ai-run.XXXXXX")
    trap end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    # Each server reads from this pipe, of which only this script holds the other end: however
    # the script ends, they see it and end as well.
    mkfifo "$RUN/alive"
    exec {ALIVE}<>"$RUN/alive"

    install_programs
    choose_mumble
    choose_engine whisper WHISPER_URL 5000
    choose_engine piper PIPER_URL 5001
    choose_engine ollama OLLAMA_URL 11434
    choose_model
    build
    start_assistant
    local answered=0
    ask || answered=$?
    [ -z "${ONCE:-}" ] || exit "$answered"
    stay
}

end() {
    trap '' INT TERM HUP
    local pid
    [ -z "${ASSISTANT:-}" ] || kill -TERM "$ASSISTANT" 2>/dev/null || true
    exec {ALIVE}>&-
    for pid in ${ASSISTANT:-} ${SERVERS[@]+"${SERVERS[@]}"}; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$RUN"
}
SERVERS=()

# Only what will be needed: who brings a server along need not have ours.
install_programs() {
    local parts=(apt)
    have cargo || die "$EX_UNAVAILABLE" "cargo is not there: install Rust 1.95 or newer (https://rustup.rs)"
    [ -n "${WHISPER_URL:-}" ] && [ -n "${PIPER_URL:-}" ] || parts+=(speech)
    [ -n "${OLLAMA_URL:-}" ] || parts+=(ollama)
    "$SCRIPTS/install.sh" "${parts[@]}" {ALIVE}>&-
}

choose_mumble() {
    local host=${MUMBLE_HOST:-127.0.0.1} port=${MUMBLE_PORT:-64738} dir
    if answers_mumble "$host" "$port"; then
        say "mumble: using the server at $host:$port"
    elif [ -n "${MUMBLE_HOST:-}${MUMBLE_PORT:-}" ]; then
        die "$EX_UNAVAILABLE" "no Mumble server answers at $host:$port: start it, or unset MUMBLE_HOST and MUMBLE_PORT"
    else
        port=$(free_port 64738)
        # murmurd gives up being root, and would not reach a folder in root's home.
        dir=$CACHE/data/mumble
        [ "$(id -u)" -ne 0 ] || dir=/var/lib/mumble-ai/mumble
        serve mumble "$port" "$dir"
        MUMBLE_IS_OURS=yes
    fi
    export MUMBLE_HOST=$host MUMBLE_PORT=$port
}

# choose_engine NAME VARIABLE DEFAULT_PORT
choose_engine() {
    local name=$1 variable=$2 port=$3
    local url=${!variable:-http://127.0.0.1:$port}
    url=${url%/}
    if "answers_$name" "$url"; then
        say "$name: using the server at $url"
    elif [ -n "${!variable:-}" ]; then
        die "$EX_UNAVAILABLE" "no $name server answers at $url: start it, or unset $variable"
    else
        port=$(free_port "$port")
        url=http://127.0.0.1:$port
        serve "$name" "$port" "$CACHE/data/$name"
    fi
    export "$variable=$url"
}

# serve NAME PORT DIR: starts a server of ours and waits until it answers.
serve() {
    local name=$1 port=$2 pid answer started=$SECONDS
    say "$name: starting on 127.0.0.1:$port"
    "$SCRIPTS/serve.sh" "$@" <"$RUN/alive" >"$RUN/$name" {ALIVE}>&- &
    pid=$!
    SERVERS+=("$pid")
    until [ -s "$RUN/$name" ]; do
        kill -0 "$pid" 2>/dev/null || die "$EX_UNAVAILABLE" "$name could not be started"
        sleep 0.1
        if [ $((SECONDS - started)) -ge 10 ]; then
            say "$name: still starting" && started=$SECONDS
        fi
    done
    read -r answer <"$RUN/$name"
    [ "$answer" = ready ] || die "$EX_UNAVAILABLE" "$name said '$answer' instead of ready"
    [ "$name" != ollama ] || OLLAMA_IS_OURS=yes
}

# The wanted model where there is a hub to pull it from, the packaged one where there is none. A
# packaged model is never put into an Ollama of the user's.
choose_model() {
    local wanted=${OLLAMA_MODEL:-llama3.2:latest}
    if ! has_model "$OLLAMA_URL" "$wanted"; then
        OLLAMA_MODEL=$wanted "$SCRIPTS/install.sh" model {ALIVE}>&-
    fi
    if ! has_model "$OLLAMA_URL" "$wanted"; then
        if [ -z "${OLLAMA_IS_OURS:-}" ]; then
            say "model: your Ollama has no $wanted and cannot pull it; it is left as it is"
            OLLAMA_URL=none "$SCRIPTS/install.sh" ollama {ALIVE}>&-
            local port
            port=$(free_port 11434)
            serve ollama "$port" "$CACHE/data/ollama"
            export OLLAMA_URL=http://127.0.0.1:$port
        fi
        with_lock create_packaged_models "${OLLAMA_URL#http://}"
        say "model: $wanted cannot be had here; answering with the packaged smollm2:135m," \
            "which is small and often wrong"
        wanted=smollm2:135m
        # So small a model wanders off when it is given any choice.
        export OLLAMA_TEMPERATURE=${OLLAMA_TEMPERATURE:-0}
    fi
    export OLLAMA_MODEL=$wanted
    # With the context length that the assistant will ask for; another one would load it anew.
    say "model: loading $wanted"
    http_status "$LOAD_S" "$OLLAMA_URL/api/generate" -d "{\"model\":\"$wanted\",\"keep_alive\":\"30m\",
        \"options\":{\"num_ctx\":${OLLAMA_NUM_CTX:-4096}}}" >/dev/null
}

build() {
    say "building (the first time takes minutes)"
    cargo build --release --package mumble-ai {ALIVE}>&-
    MUMBLE_AI=${CARGO_TARGET_DIR:-target}/release/mumble-ai
}

start_assistant() {
    export STATE_DIR=${STATE_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/mumble-ai}
    mkdir -p "$STATE_DIR"
    # A server of ours that was made anew shows another certificate than the one before it.
    [ -z "${MUMBLE_IS_OURS:-}" ] ||
        "$MUMBLE_AI" trust "$MUMBLE_HOST:$MUMBLE_PORT" >/dev/null {ALIVE}>&- ||
        die "$EX_UNAVAILABLE" "our Mumble server is not trusted"
    "$MUMBLE_AI" up >"$RUN/assistant.log" 2>&1 </dev/null {ALIVE}>&- &
    ASSISTANT=$!
}

still_up() {
    kill -0 "$ASSISTANT" 2>/dev/null && return 0
    local code=0
    wait "$ASSISTANT" || code=$?
    tail -n 15 "$RUN/assistant.log" >&2
    die "$code" "the assistant ended by itself"
}

ask() {
    local answer=$STATE_DIR/answer.wav
    say "asking: $QUESTION"
    "$MUMBLE_AI" ask --timeout "$ANSWER_S" --out "$answer" "$QUESTION" {ALIVE}>&- || {
        local code=$?
        still_up
        tail -n 5 "$RUN/assistant.log" >&2
        return $code
    }
    # The assistant logs where the time went, in milliseconds.
    local stages
    stages=$(grep 'turn answered' "$RUN/assistant.log" | tail -n 1 | grep -o '[a-z_]*_ms=[0-9]*' | tr '\n' ' ')
    say "stages: ${stages:-not logged}"
}

stay() {
    say "the assistant is in the channel: join it with any Mumble client"
    say "    server ${MUMBLE_HOST}, port ${MUMBLE_PORT}, channel ${MUMBLE_CHANNEL:-Root}," \
        "user name: any but ${MUMBLE_USERNAME:-AI-Bot}"
    say "Ctrl-C ends it; what it says of itself follows"
    tail -n 20 -f "$RUN/assistant.log" --pid "$ASSISTANT" &
    wait "$ASSISTANT" || still_up
}

main "$@"
