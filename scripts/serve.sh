#!/usr/bin/env bash
# Runs one server on 127.0.0.1, in the foreground, for as long as its standard input is open.
#
# Usage: scripts/serve.sh mumble|whisper|piper|ollama|postgres|redis|chroma|chroma-0.5|kamailio PORT [DIR]
#
# Prints `ready` once the server answers its protocol; says why on standard error when it does
# not. The server ends when standard input reaches its end, on TERM and on INT: it cannot
# outlive the program that holds the other end of the pipe. Its data, its `log` and its `pid` lie
# in DIR (default: a temporary folder that goes with it).
#
# Environment:
#   MUMBLE_RELEASE              1.3 or 1.5; default: whatever server the machine has
#   MUMBLE_INI_EXTRA            lines for murmurd's settings, which win over ours
#   MUMBLE_CHANNELS             channels to make under Root, one a line; behind a tab, the access
#                               token that alone opens it, or + where everybody may make
#                               temporary channels below
#   MUMBLE_SUPERUSER_PASSWORD   default: a random one, in DIR/superuser
#   WHISPER_MODEL_DIR           a CTranslate2 Whisper model; default: tiny.en of install.sh
#   OLLAMA_KEEP_ALIVE           how long a model stays loaded; default 30m
#   REDIS_APPENDONLY            `yes`: Redis keeps a log of each change; default no
#                               Postgres' only user is `postgres`, without a password.
# kamailio's settings are DIR/kamailio.cfg.
# Exit codes: 64 a wrong call, 69 the server could not be started.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/kit.sh"

# Enough for a cold start on a small machine that compiles something else meanwhile.
READY_S=120
# How long a server may take to end by itself before it is killed.
END_S=5
THREADS=2
PARTS=(mumble whisper piper ollama postgres redis chroma chroma-0.5 kamailio)
# Whom a server becomes that must not be root, or does not want to.
RUNS_AS=root
# Asks a server to end.
FAREWELL=TERM

main() {
    [ $# -ge 2 ] || die "$EX_USAGE" "usage: scripts/serve.sh $(echo "${PARTS[@]}" | tr " " "|") PORT [DIR]"
    PART=$1 PORT=$2
    [[ " ${PARTS[*]} " == *" $PART "* ]] ||
        die "$EX_USAGE" "no server is called '$PART': ${PARTS[*]}"
    case $PART in
    mumble) choose_murmurd && RUNS_AS=$MURMURD_USER ;;
    # Postgres refuses to be root.
    postgres) choose_postgres && RUNS_AS=postgres ;;
    esac
    ! port_taken "$PORT" || die "$EX_UNAVAILABLE" "$PART: port $PORT is taken"

    exec {INPUT}<&0
    trap end EXIT
    trap 'exit 0' TERM INT HUP
    lay_folder "${3:-}"
    "start_$PART"
    await_ready
    echo ready

    # Whichever comes first: nobody holds our input any more, or the server is gone.
    wait -n "$SERVER" "$WATCH" || true
    kill -0 "$SERVER" 2>/dev/null || die "$EX_UNAVAILABLE" "$PART ended by itself: $(last_words)"
}

# --- the life of a server ------------------------------------------------------------------

# launch COMMAND...: starts the server as the leader of its own process group, so that what it
# starts in turn ends with it.
launch() {
    setsid "$@" >"$DIR/log" 2>&1 </dev/null {INPUT}<&- &
    SERVER=$!
    echo "$SERVER" >"$DIR/pid"
    # In a process group of its own, so that somebody sees the end of our input even if this
    # shell is killed without a chance to.
    set -m
    watch >/dev/null 2>&1 &
    WATCH=$!
    set +m
}

watch() {
    trap - EXIT TERM INT HUP
    cat <&"$INPUT" || true
    # This shell, when it is there, sees that we have ended, and does the rest.
    kill -0 $$ || end_server
}

await_ready() {
    local deadline=$((SECONDS + READY_S))
    until "ready_$PART"; do
        kill -0 "$SERVER" 2>/dev/null || die "$EX_UNAVAILABLE" "$PART did not start: $(last_words)"
        # The one who asked for the server may be gone before it is ready.
        kill -0 "$WATCH" 2>/dev/null || exit 0
        [ $SECONDS -lt $deadline ] ||
            die "$EX_UNAVAILABLE" "$PART does not answer after $READY_S s: $(last_words)"
        sleep 0.1
    done
}

last_words() {
    printf 'its log ends with\n'
    tail -n 8 "$DIR/log" 2>/dev/null | sed 's/^/    /'
}

end() {
    trap '' TERM INT HUP
    [ -z "${WATCH:-}" ] || kill -KILL -- "-$WATCH" 2>/dev/null || true
    [ -z "${SERVER:-}" ] || end_server
    [ -z "${TEMPORARY:-}" ] || rm -rf "$TEMPORARY"
}

end_server() {
    local tenths=0
    # At the very first it does not lead its group yet.
    kill "-$FAREWELL" -- "-$SERVER" 2>/dev/null || kill "-$FAREWELL" "$SERVER" 2>/dev/null || true
    while kill -0 -- "-$SERVER" 2>/dev/null && [ $tenths -lt $((END_S * 10)) ]; do
        sleep 0.1
        tenths=$((tenths + 1))
    done
    kill -KILL -- "-$SERVER" 2>/dev/null || true
}

# The folder of the server. A packaged murmurd, started as root, becomes the user mumble-server,
# and Postgres runs as postgres: then the folder is that user's, and lies where that user can go.
lay_folder() {
    DIR=$1
    if [ -z "$DIR" ]; then
        TEMPORARY=$(mktemp -d "${TMPDIR:-/tmp}/mumble-ai-$PART.XXXXXX")
        DIR=$TEMPORARY
    fi
    mkdir -p "$DIR"
    DIR=$(cd "$DIR" && pwd)
    [ "$RUNS_AS" != root ] && [ "$(id -u)" -eq 0 ] || return 0
    chown "$RUNS_AS" "$DIR"
    chmod 0700 "$DIR"
    setpriv --reuid "$RUNS_AS" --clear-groups test -w "$DIR" || die "$EX_UNAVAILABLE" \
        "$PART runs as the user $RUNS_AS, who cannot reach $DIR: name a folder that it can"
}

# --- Mumble --------------------------------------------------------------------------------

choose_murmurd() {
    local release=${MUMBLE_RELEASE:-} part=apt
    [ -z "$release" ] || part=servers
    case $release in
    '' | 1.3 | 1.5) ;;
    *) die "$EX_USAGE" "MUMBLE_RELEASE is '$release': it can be 1.3, 1.5 or nothing" ;;
    esac
    murmurd_of "$release" || die "$EX_UNAVAILABLE" \
        "no Mumble server${release:+ $release} is installed: run scripts/install.sh ${part}"
}

start_mumble() {
    local ini=$DIR/murmur.ini password=${MUMBLE_SUPERUSER_PASSWORD:-}
    # The first of two equal keys is lost, so MUMBLE_INI_EXTRA may change any of these.
    cat >"$ini" <<INI
database=$DIR/database.sqlite
host=127.0.0.1
port=$PORT
users=100
bandwidth=130000
bonjour=false
registerName=Mumble-AI
$([ "$(id -u)" -ne 0 ] || echo "uname=$MURMURD_USER")
${MUMBLE_INI_EXTRA:-}
INI
    [ -n "$password" ] || password=$(head -c 12 /dev/urandom | base64)
    (umask 077 && printf '%s\n' "$password" >"$DIR/superuser")
    [ "$(id -u)" -ne 0 ] || chown "$MURMURD_USER" "$ini"
    # Makes the tables, sets the password, ends.
    "${MURMURD[@]}" -ini "$ini" -supw "$password" >"$DIR/log" 2>&1 </dev/null || true
    [ -z "${MUMBLE_CHANNELS:-}" ] || make_channels
    launch "${MURMURD[@]}" -ini "$ini" -fg
}

make_channels() {
    python3 - "$DIR/database.sqlite" "$MUMBLE_CHANNELS" <<'PY'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    for channel, line in enumerate(sys.argv[2].splitlines(), start=1):
        name, _, token = line.partition("\t")
        made = db.execute(
            "INSERT OR IGNORE INTO channels (server_id, channel_id, parent_id, name, inheritacl)"
            " VALUES (1, ?, 0, ?, 1)", (channel, name))
        if token and made.rowcount:
            ENTER, MAKE_TEMPORARY = 0x4, 0x400
            if token == "+":
                rules = [(1, "all", MAKE_TEMPORARY, 0)]
            else:
                rules = [(1, "all", 0, ENTER), (2, "#" + token, ENTER, 0)]
            db.executemany(
                "INSERT INTO acl (server_id, channel_id, priority, group_name, apply_here,"
                " apply_sub, grantpriv, revokepriv) VALUES (1, ?, ?, ?, 1, 1, ?, ?)",
                [(channel, *rule) for rule in rules])
PY
    [ "$(id -u)" -ne 0 ] || chown "$MURMURD_USER" "$DIR"/database.sqlite*
}

ready_mumble() { port_taken "$PORT" && answers_mumble 127.0.0.1 "$PORT"; }

# --- the engines ---------------------------------------------------------------------------

start_whisper() {
    local model=${WHISPER_MODEL_DIR:-$CACHE/models/whisper-tiny.en}
    if [ ! -x "$CACHE/speech/bin/faster-whisper-server" ] || [ ! -f "$model/model.bin" ]; then
        die "$EX_UNAVAILABLE" "faster-whisper or its model is not there: run scripts/install.sh speech"
    fi
    # The server calls its model by this name when a request names none.
    cat >"$DIR/whisper.yaml" <<YAML
batch_size: 1
model_options: {device: cpu, compute_type: int8, cpu_threads: $THREADS}
models:
  - {name: whisper-1, path: "$model", transcribe_options: {language: en, beam_size: 1, without_timestamps: true}}
YAML
    launch env HF_HUB_OFFLINE=1 OMP_NUM_THREADS=$THREADS "$CACHE/speech/bin/faster-whisper-server" \
        --config "$DIR/whisper.yaml" --host 127.0.0.1 --port "$PORT"
}

ready_whisper() { [ "$(http_status 2 "http://127.0.0.1:$PORT/health")" = 200 ]; }

start_piper() {
    local voice=$CACHE/models/piper/en_US-joe-medium.onnx
    if [ ! -x "$CACHE/speech/bin/python" ] || [ ! -f "$voice" ]; then
        die "$EX_UNAVAILABLE" "Piper or its voice is not there: run scripts/install.sh speech"
    fi
    launch env OMP_NUM_THREADS=$THREADS "$CACHE/speech/bin/python" -m piper.http_server \
        --host 127.0.0.1 --port "$PORT" -m "$voice"
}

ready_piper() { [ "$(http_status 2 "http://127.0.0.1:$PORT/voices")" = 200 ]; }

start_ollama() {
    ollama_command >/dev/null ||
        die "$EX_UNAVAILABLE" "no Ollama is installed: run scripts/install.sh ollama"
    export OLLAMA_KEEP_ALIVE=${OLLAMA_KEEP_ALIVE:-30m}
    # Another server of ours may be reading the same models: nothing is swept away at the start.
    export OLLAMA_NOPRUNE=1
    # shellcheck disable=SC2016 # the inner shell expands them
    launch bash -c '. "$0" && run_ollama "$@"' "$SCRIPTS/kit.sh" "127.0.0.1:$PORT" serve
}

ready_ollama() {
    answers_ollama "http://127.0.0.1:$PORT" || return 1
    with_lock create_packaged_models "127.0.0.1:$PORT"
}

# --- the stores ----------------------------------------------------------------------------

# Their data lie in DIR/data, apart from `log` and `pid`.

choose_postgres() {
    POSTGRES=$(postgres_programs) ||
        die "$EX_UNAVAILABLE" "no Postgres server is installed: run scripts/install.sh stores"
}

start_postgres() {
    local as=()
    [ "$(id -u)" -ne 0 ] || as=(setpriv --reuid "$RUNS_AS" --regid "$RUNS_AS" --init-groups)
    [ -s "$DIR/data/PG_VERSION" ] ||
        (cd "$DIR" && "${as[@]}" "$POSTGRES/initdb" -D "$DIR/data" -U postgres -A trust -E UTF8 \
            --no-sync) >"$DIR/log" 2>&1 ||
        die "$EX_UNAVAILABLE" "postgres cannot lay its data: $(last_words)"
    # At TERM it would wait for its clients to leave; at INT it sends them away.
    FAREWELL=INT
    # No socket file: the path of a test's folder would be too long for one.
    launch "${as[@]}" "$POSTGRES/postgres" -D "$DIR/data" -p "$PORT" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories=
}

ready_postgres() { "$POSTGRES/pg_isready" -q -h 127.0.0.1 -p "$PORT"; }

start_redis() {
    have redis-server ||
        die "$EX_UNAVAILABLE" "no Redis server is installed: run scripts/install.sh stores"
    mkdir -p "$DIR/data"
    launch redis-server --bind 127.0.0.1 --port "$PORT" --dir "$DIR/data" \
        --appendonly "${REDIS_APPENDONLY:-no}"
}

ready_redis() { answers_redis "redis://127.0.0.1:$PORT"; }

start_chroma() {
    [ -x "$CACHE/$PART/bin/chroma" ] ||
        die "$EX_UNAVAILABLE" "$PART is not there: run scripts/install.sh stores"
    launch env ANONYMIZED_TELEMETRY=False "$CACHE/$PART/bin/chroma" run \
        --host 127.0.0.1 --port "$PORT" --path "$DIR/data"
}
start_chroma-0.5() { start_chroma; }

start_kamailio() {
    local kamailio
    kamailio=$(PATH=$PATH:/usr/sbin command -v kamailio) ||
        die "$EX_UNAVAILABLE" "kamailio is not installed: run scripts/install.sh phones"
    mkdir -p "$DIR/run"
    # Without -DD it would not listen by TCP in the foreground.
    launch "$kamailio" -f "$DIR/kamailio.cfg" -DD -E -m 32 -M 4 -Y "$DIR/run" -P "$DIR/run/pid"
}

ready_kamailio() { port_taken "$PORT"; }

ready_chroma-0.5() { ready_chroma; }
ready_chroma() { answers_chroma "http://127.0.0.1:$PORT"; }

main "$@"
