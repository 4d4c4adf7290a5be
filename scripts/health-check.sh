#!/usr/bin/env bash
# Asks every server of the stack, each by its own protocol, and prints a line about each.
#
# Usage: scripts/health-check.sh [--compose|--plain]
#
#   --compose   the containers of docker-compose.yml (default where there are any)
#   --plain     the addresses in the environment, by the names that the assistant reads:
#               MUMBLE_HOST MUMBLE_PORT WHISPER_URL OLLAMA_URL OLLAMA_MODEL OLLAMA_DIALECT
#               PIPER_URL, and, where they are set, DATABASE_URL or DB_HOST and DB_PORT, REDIS_URL,
#               CHROMADB_URL; HEALTH_URL is the assistant itself (default
#               http://127.0.0.1:8080/health), PHONE_HEALTH_URL the phone line (default, where
#               SIP_ENABLED is true, http://127.0.0.1:8083/health or its SIP_HEALTH_PORT). A list
#               of addresses is asked one by one.
#
# Exit codes: 0 all are well, 1 one or more are ill, 64 a wrong call, 69 a program is missing.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/kit.sh"
# shellcheck source=scripts/stack.sh
. "$(dirname "$0")/stack.sh"

# How long a question to a container may take; the others have bounds of their own.
ASK_S=10

main() {
    read_options '' "$@"
    [ ${#GIVEN[@]} -eq 0 ] || wrong_call
    have curl || die "$EX_UNAVAILABLE" "curl is needed"
    have python3 || die "$EX_UNAVAILABLE" "python3 is needed"
    choose_where "$CHOSEN"
    FOUND=$(mktemp -d "${TMPDIR:-/tmp}/mumble-ai-health.XXXXXX")
    trap 'rm -rf "$FOUND"' EXIT
    # All at once, so that one that hangs does not hold up the others.
    "ask_$WHERE"
    wait
    cat "$FOUND"/*
    ! grep -q '^[a-z]*  *ILL ' "$FOUND"/*
}

# asks NAME WHAT COMMAND...: asks aside; the server is well when the command succeeds.
asks() {
    ASKED=$((${ASKED:-10} + 1))
    answers "$@" >"$FOUND/$ASKED" 2>/dev/null &
}

answers() {
    local name=$1 what=$2 started=${EPOCHREALTIME/[.,]/} state=ILL
    shift 2
    ! "$@" </dev/null >/dev/null || state=well
    printf '%-9s  %-4s  %5d ms  %s\n' "$name" $state \
        $(((${EPOCHREALTIME/[.,]/} - started) / 1000)) "$what"
}

absent() {
    ASKED=$((${ASKED:-10} + 1))
    printf '%-9s  %-4s  %8s  not configured\n' "$1" - '' >"$FOUND/$ASKED"
}

# --- servers that variables name -----------------------------------------------------------

ask_plain() {
    local url host=${MUMBLE_HOST:-127.0.0.1} port=${MUMBLE_PORT:-64738}
    asks mumble "$host:$port" answers_mumble "$host" "$port"
    for url in $(addresses "${WHISPER_URL:-http://127.0.0.1:5000}"); do
        asks whisper "$url" well_whisper "$url"
    done
    for url in $(addresses "${OLLAMA_URL:-http://127.0.0.1:11434}"); do
        asks ollama "$url with ${OLLAMA_MODEL:-llama3.2:latest}" well_ollama "$url"
    done
    for url in $(addresses "${PIPER_URL:-http://127.0.0.1:5001}"); do
        asks piper "$url" well_piper "$url"
    done
    if name_postgres; then
        asks database "$PGHOST:$PGPORT" answers_postgres "$PGHOST" "$PGPORT"
    else
        absent database
    fi
    if [ -n "${REDIS_URL:-}" ]; then
        asks redis "$(without_password "$REDIS_URL")" answers_redis "$REDIS_URL"
    else
        absent redis
    fi
    if [ -n "${CHROMADB_URL:-}" ]; then
        asks chromadb "$CHROMADB_URL" answers_chroma "${CHROMADB_URL%/}"
    else
        absent chromadb
    fi
    url=${HEALTH_URL:-http://127.0.0.1:${HEALTH_PORT:-8080}/health}
    asks assistant "$url" well_assistant "$url"
    url=${PHONE_HEALTH_URL:-}
    if [ -z "$url" ] && [ "${SIP_ENABLED:-}" = true ]; then
        url=http://127.0.0.1:${SIP_HEALTH_PORT:-8083}/health
    fi
    if [ -n "$url" ]; then
        asks phone "$url" well_phone "$url"
    else
        absent phone
    fi
}

# One address a line, from a list with commas.
addresses() { tr ',' '\n' <<<"$1" | sed 's/^ *//; s/ *$//; s|/$||; /^$/d'; }

# shellcheck disable=SC2001 # not to be said without a pattern
without_password() { sed 's|//[^/@]*@|//***@|' <<<"$1"; }

well_whisper() { [ "$(http_status 3 "$1/health")" = 200 ] || answers_whisper "$1"; }

well_piper() { [ "$(http_status 3 "$1/voices")" = 200 ] || answers_piper "$1"; }

well_ollama() {
    case ${OLLAMA_DIALECT:-ollama} in
    *openai*) [ "$(http_status 3 "${1%/v1}/v1/models")" = 200 ] ;;
    *) has_model "$1" "${OLLAMA_MODEL:-llama3.2:latest}" ;;
    esac
}

# It answers 503 when it is not in Mumble, or cannot answer anybody.
well_assistant() { [ "$(http_status 3 "$1")" = 200 ]; }

# It answers 503 when no call can be taken.
well_phone() { [ "$(http_status 3 "$1")" = 200 ]; }

# --- containers ----------------------------------------------------------------------------

# Only Mumble, the assistant and the phone line can be reached from the host; the others are asked
# from within, by what their images have.
# shellcheck disable=SC2016 # the shells in the containers expand them
ask_compose() {
    asks mumble 127.0.0.1:48000 answers_mumble 127.0.0.1 48000
    asks whisper faster-whisper inside faster-whisper python3 -c "$FETCH" http://127.0.0.1:5000/health
    asks ollama 'ollama, with its model' inside ollama sh -c 'ollama show "$OLLAMA_MODEL" | grep -q .'
    asks piper piper inside piper python3 -c "$FETCH" http://127.0.0.1:5001/voices
    asks database postgres inside postgres \
        sh -c 'pg_isready -q -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"'
    asks redis redis inside redis sh -c 'redis-cli ping | grep -qx PONG'
    asks chromadb chromadb inside chromadb bash -c 'exec 3<>/dev/tcp/127.0.0.1/8000 &&
        printf "GET /api/v2/heartbeat HTTP/1.0\r\nHost: localhost\r\n\r\n" >&3 &&
        grep -q heartbeat <&3'
    asks assistant http://127.0.0.1:8082/health well_assistant http://127.0.0.1:8082/health
    if [ -n "$(compose --profile phone ps -aq bridge-sip 2>/dev/null)" ]; then
        asks phone http://127.0.0.1:8083/health well_phone http://127.0.0.1:8083/health
    else
        absent phone
    fi
}

FETCH='import sys, urllib.request as web; web.urlopen(sys.argv[1], timeout=4)'

inside() {
    timeout "$ASK_S" docker compose --project-directory "$ROOT" -f "$ROOT/docker-compose.yml" \
        exec -T "$@"
}

main "$@"
