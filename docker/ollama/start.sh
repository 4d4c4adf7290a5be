#!/bin/sh
# Runs the model server, and fetches its models if they are not there yet.
#
# Environment: OLLAMA_MODEL, EMBEDDING_MODEL (may be empty); and what Ollama itself reads, such as OLLAMA_KEEP_ALIVE.
set -u

# Long enough not to trouble the hub, short enough for somebody who waits.
AGAIN_S=30

ollama serve &
server=$!
trap 'kill -TERM "$server" 2>/dev/null; wait "$server"; exit' TERM INT

# Runs a command so that a signal need not wait for its end.
aside() {
    "$@" &
    wait $!
}

# Not every build's exit code tells a failure; what it prints does.
until ollama list 2>/dev/null | grep -q NAME; do
    kill -0 "$server" 2>/dev/null || exit 69
    aside sleep 1
done
has_model() { ollama show "$1" 2>/dev/null | grep -q .; }
for model in "$OLLAMA_MODEL" ${EMBEDDING_MODEL:-}; do
    until has_model "$model"; do
        echo "ollama: fetching the model $model, once"
        aside ollama pull "$model"
        ! has_model "$model" || break
        kill -0 "$server" 2>/dev/null || exit 69
        echo "ollama: cannot fetch $model: is the name right, is there a way out? Trying again in $AGAIN_S s" >&2
        aside sleep "$AGAIN_S"
    done
done
echo "ollama: ready with $OLLAMA_MODEL ${EMBEDDING_MODEL:-}"
wait "$server"
