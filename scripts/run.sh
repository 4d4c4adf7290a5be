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
# Something that does not answer the simplest question of HTTP for so long is no engine.
HTTP_S=5
# A server of ours leaves the default ports of the others free.
DEFAULT_PORTS="64738 5000 5001 11434"

main() {
    RUN=$(mktemp -d "${TMPDIR:-/tmp}/mumble-ai-run.XXXXXX")
    trap end EXIT
    # The terminal has just shown ^C.
    trap 'echo; exit 130' INT
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
    choose_health
    await_servers
    choose_model
    choose_embedding
    build
    start_assistant
    local answered=0
    ask || answered=$?
    [ -z "${ONCE:-}" ] || exit "$answered"
    [ "$answered" -eq 0 ] || say "the question was not answered; the assistant stays up all the same"
    stay
}

end() {
    trap '' INT TERM HUP
    local pid
    [ ${#SERVERS[@]} -eq 0 ] || say "ending: ${!SERVERS[*]}${ASSISTANT:+ and the assistant}"
    for pid in ${ASSISTANT:-} ${READER:-}; do kill -TERM "$pid" 2>/dev/null || true; done
    exec {ALIVE}>&-
    for pid in ${ASSISTANT:-} ${READER:-} "${SERVERS[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$RUN"
}

# --- what there is -------------------------------------------------------------------------

# Only what will be needed: who brings a server along need not have ours.
install_programs() {
    local parts=(apt)
    have cargo || die "$EX_UNAVAILABLE" "cargo is not there: install Rust 1.95 or newer (https://rustup.rs)"
    [ -n "${WHISPER_URL:-}" ] && [ -n "${PIPER_URL:-}" ] || parts+=(speech)
    [ -n "${OLLAMA_URL:-}" ] || parts+=(ollama)
    # Before an Ollama of ours starts, so that it knows the model.
    parts+=(embedding)
    "$SCRIPTS/install.sh" "${parts[@]}" {ALIVE}>&-
}

choose_mumble() {
    local host=${MUMBLE_HOST:-127.0.0.1} port=${MUMBLE_PORT:-64738} dir
    if answers_mumble "$host" "$port"; then
        say "mumble: using the server at $host:$port"
    elif [ -n "${MUMBLE_HOST:-}${MUMBLE_PORT:-}" ]; then
        die "$EX_UNAVAILABLE" "no Mumble server answers at $host:$port: start it, or unset MUMBLE_HOST and MUMBLE_PORT"
    else
        # murmurd gives up being root, and would not reach a folder in root's home.
        dir=$CACHE/data/mumble
        [ "$(id -u)" -ne 0 ] || dir=/var/lib/mumble-ai/mumble
        serve mumble "$port" "$dir"
        port=${PORTS[mumble]}
    fi
    export MUMBLE_HOST=$host MUMBLE_PORT=$port
}

# choose_engine NAME VARIABLE DEFAULT_PORT
choose_engine() {
    local name=$1 variable=$2 port=$3
    local url=${!variable:-http://127.0.0.1:$port}
    url=${url%/}
    if [ "$(http_status $HTTP_S "$url/")" != 000 ] && "answers_$name" "$url"; then
        say "$name: using the server at $url"
    elif [ -n "${!variable:-}" ]; then
        die "$EX_UNAVAILABLE" "no $name server answers at $url: start it, or unset $variable"
    else
        serve "$name" "$port" "$CACHE/data/$name"
        url=http://127.0.0.1:${PORTS[$name]}
    fi
    export "$variable=$url"
}

# The pages about health go where there is room, unless a port was asked for.
choose_health() {
    local port=8080
    [ -z "${HEALTH_PORT:-}" ] || return 0
    while port_taken "$port" || spoken_for "$port"; do port=$((port + 1)); done
    [ "$port" = 8080 ] || say "health: port 8080 is in use; told at 127.0.0.1:$port"
    export HEALTH_PORT=$port
}

# --- servers of ours -----------------------------------------------------------------------

# Process id and port of each.
declare -A SERVERS=() PORTS=()

# serve NAME PORT DIR: starts a server of ours on this port, or the next one that is free.
serve() {
    local name=$1 wanted=$2 dir=$3 port=$2
    while port_taken "$port" || { [ "$port" != "$wanted" ] && spoken_for "$port"; }; do
        port=$((port + 1))
    done
    if [ "$port" = "$wanted" ]; then
        say "$name: starting on 127.0.0.1:$port"
    else
        say "$name: port $wanted is in use; starting on 127.0.0.1:$port"
    fi
    "$SCRIPTS/serve.sh" "$name" "$port" "$dir" <"$RUN/alive" >"$RUN/$name" {ALIVE}>&- &
    SERVERS[$name]=$! PORTS[$name]=$port
}

spoken_for() { [[ " $DEFAULT_PORTS ${PORTS[*]} " == *" $1 "* ]]; }

await_servers() {
    local name answer started=$SECONDS
    for name in "${!SERVERS[@]}"; do
        until [ -s "$RUN/$name" ]; do
            kill -0 "${SERVERS[$name]}" 2>/dev/null || die "$EX_UNAVAILABLE" "$name could not be started"
            sleep 0.1
            if [ $((SECONDS - started)) -ge 10 ]; then
                say "$name: still starting" && started=$SECONDS
            fi
        done
        read -r answer <"$RUN/$name"
        [ "$answer" = ready ] || die "$EX_UNAVAILABLE" "$name said '$answer' instead of ready"
    done
}

# The wanted model where there is a hub to pull it from, the packaged one where there is none. A
# packaged model is never put into an Ollama of the user's.
choose_model() {
    local wanted=${OLLAMA_MODEL:-llama3.2:latest}
    if ! has_model "$OLLAMA_URL" "$wanted"; then
        OLLAMA_MODEL=$wanted "$SCRIPTS/install.sh" model {ALIVE}>&-
    fi
    if ! has_model "$OLLAMA_URL" "$wanted"; then
        if [ -z "${SERVERS[ollama]:-}" ]; then
            say "model: your Ollama has no $wanted and cannot pull it; it is left as it is"
            OLLAMA_URL=none "$SCRIPTS/install.sh" ollama {ALIVE}>&-
            serve ollama 11434 "$CACHE/data/ollama"
            await_servers
            export OLLAMA_URL=http://127.0.0.1:${PORTS[ollama]}
        fi
        with_lock create_packaged_models "${OLLAMA_URL#http://}"
        say "model: $wanted cannot be had here; answering with the packaged smollm2:135m," \
            "which is small and often wrong"
        wanted=smollm2:135m
        # So small a model wanders off when it is given any choice.
        export OLLAMA_TEMPERATURE=${OLLAMA_TEMPERATURE:-0}
    fi
    export OLLAMA_MODEL=$wanted
    # In a shell of its own, because `step` has traps of its own.
    (step "model: loading $wanted" load_model) {ALIVE}>&-
}

# What finds memories by their meaning: the wanted model at the same server, the packaged one at an
# Ollama of ours otherwise.
choose_embedding() {
    local wanted=${EMBEDDING_MODEL:-all-minilm}
    if [ -n "${EMBEDDING_URL:-}" ] || [ "${EMBEDDING_DIALECT:-ollama}" != ollama ] ||
        has_model "$OLLAMA_URL" "$wanted"; then
        return 0
    fi
    say "embedding: $OLLAMA_URL has no $wanted and cannot pull it; the packaged all-minilm is used"
    if [ -z "${SERVERS[ollama]:-}" ]; then
        OLLAMA_URL=none "$SCRIPTS/install.sh" ollama {ALIVE}>&-
        serve ollama 11434 "$CACHE/data/ollama"
        await_servers
    fi
    export EMBEDDING_URL=http://127.0.0.1:${PORTS[ollama]} EMBEDDING_MODEL=all-minilm
    with_lock create_packaged_models "${EMBEDDING_URL#http://}"
}

# With the context length that the assistant will ask for; another one would load it anew.
load_model() {
    curl -sf --noproxy '*' -m $LOAD_S "$OLLAMA_URL/api/generate" -o "$RUN/loaded" \
        -d "{\"model\":\"$OLLAMA_MODEL\",\"options\":{\"num_ctx\":${OLLAMA_NUM_CTX:-4096}}}"
}

# --- the assistant -------------------------------------------------------------------------

build() {
    say "building the assistant (the first time takes minutes)"
    cargo build --release --package mumble-ai {ALIVE}>&-
    MUMBLE_AI=$(realpath "${CARGO_TARGET_DIR:-target}/release/mumble-ai")
}

start_assistant() {
    # What is remembered of a server of ours must not stand in the way of one of the user's that
    # listens at the same address another day.
    local state=${XDG_STATE_HOME:-$HOME/.local/state}/mumble-ai
    [ -z "${SERVERS[mumble]:-}" ] || state=$CACHE/data/assistant
    export STATE_DIR=${STATE_DIR:-$state}
    mkdir -p "$STATE_DIR"
    # A server that was set up anew has a new certificate. Whose it is, is known: it is ours.
    [ -z "${SERVERS[mumble]:-}" ] ||
        "$MUMBLE_AI" trust "$MUMBLE_HOST:$MUMBLE_PORT" >"$RUN/trust" {ALIVE}>&-
    local code=0
    "$MUMBLE_AI" doctor >"$RUN/doctor" 2>&1 {ALIVE}>&- || code=$?
    if [ $code -ne 0 ]; then
        cat "$RUN/doctor" >&2
        [ $code -eq "$EX_USAGE" ] || code=$EX_UNAVAILABLE
        die "$code" "see above (mumble-ai is $MUMBLE_AI)"
    fi
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
    say "a user joins and asks aloud: $QUESTION"
    # It may be ended in the middle: what it puts into the temporary folder goes with ours.
    TMPDIR=$RUN "$MUMBLE_AI" ask --timeout "$ANSWER_S" --out "$STATE_DIR/answer.wav" \
        "$QUESTION" {ALIVE}>&- || {
        local code=$?
        still_up
        tail -n 5 "$RUN/assistant.log" >&2
        return $code
    }
    # The assistant logs where the time went: pause_ms=0.0 recognise_ms=640.12 and so on.
    local stages
    stages=$(grep 'turn answered' "$RUN/assistant.log" | tail -n 1 | grep -o '[a-z_]*_ms=[0-9]*' |
        sed 's/_ms=/ /; s/_/ /g' | paste -sd ',' | sed 's/,/, /g')
    say "from the end of the question to the first sound, in ms: ${stages:-not logged}"
}

stay() {
    say "the assistant stays up. Join it with any Mumble client on this machine:"
    say "    server $MUMBLE_HOST, port $MUMBLE_PORT, channel ${MUMBLE_CHANNEL:-Root}," \
        "any user name but ${MUMBLE_USERNAME:-AI-Bot}"
    say "    mumble 'mumble://$MUMBLE_HOST:$MUMBLE_PORT/?version=1.3.0'"
    [ -z "${SERVERS[mumble]:-}" ] ||
        say "    the server has signed its certificate itself: accept it when the client asks"
    say "how it is: curl http://127.0.0.1:$HEALTH_PORT/health, or" \
        "HEALTH_PORT=$HEALTH_PORT $MUMBLE_AI health"
    say "Ctrl-C ends it; what it logs follows"
    tail -n 20 -f "$RUN/assistant.log" --pid "$ASSISTANT" {ALIVE}>&- &
    READER=$!
    wait "$ASSISTANT" || still_up
}

main "$@"
