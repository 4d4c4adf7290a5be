# shellcheck shell=bash
# Sourced by the other scripts: where things are kept, how a script speaks, how a port is asked.
#
# Usage: . "$(dirname "$0")/kit.sh"

# Downloads, virtual environments, models: everything that can be fetched again.
CACHE=${MUMBLE_AI_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/mumble-ai}

# sysexits.h: what a person must change is a usage error, what is not there is unavailable.
# shellcheck disable=SC2034 # used by those who source this
EX_USAGE=64
EX_UNAVAILABLE=69

SCRIPT=$(basename "$0" .sh)

say() { printf '%s: %s\n' "$SCRIPT" "$*"; }

die() {
    local code=$1
    shift
    printf '%s: %s\n' "$SCRIPT" "$*" >&2
    exit "$code"
}

have() { command -v "$1" >/dev/null 2>&1; }

# step NAME COMMAND...: runs a command that may take long. Its output goes to a log; what is
# seen is one line that keeps moving: rewritten every second on a terminal, a line every ten
# seconds otherwise. A failure shows the end of the log.
step() {
    local name=$1 log started=$SECONDS pid status=0 last
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/mumble-ai-step.XXXXXX")
    [ -t 1 ] || say "$name ..."
    # A process group of its own, so that Ctrl-C can end the command and all that it started.
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    # shellcheck disable=SC2064 # the id as it is now
    trap "kill -TERM -- -$pid 2>/dev/null; rm -f '$log'" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    while kill -0 "$pid" 2>/dev/null; do
        if [ -t 1 ]; then
            last=$(tail -n 1 "$log" | tr '\r' '\n' | tail -n 1 | cut -c 1-60)
            printf '\r\033[K%s: %s, %d s  %s' "$SCRIPT" "$name" $((SECONDS - started)) "$last"
        elif [ $(((SECONDS - started) % 10)) -eq 9 ]; then
            say "$name, $((SECONDS - started + 1)) s"
        fi
        sleep 1
    done
    wait "$pid" || status=$?
    trap - EXIT INT TERM HUP
    [ ! -t 1 ] || printf '\r\033[K'
    if [ "$status" -ne 0 ]; then
        tail -n 15 "$log" | sed 's/^/    /' >&2
        rm -f "$log"
        printf '%s: %s failed after %d s\n' "$SCRIPT" "$name" $((SECONDS - started)) >&2
        return "$EX_UNAVAILABLE"
    fi
    rm -f "$log"
    say "$name: done in $((SECONDS - started)) s"
}

# A part is installed when its stamp says exactly this; the stamp is written last, so that a
# half install is never taken for a whole one.
stamped() { [ "$(cat "$CACHE/stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() {
    mkdir -p "$CACHE/stamps"
    printf '%s\n' "$2" >"$CACHE/stamps/$1.new"
    mv "$CACHE/stamps/$1.new" "$CACHE/stamps/$1"
}

# One install or model creation at a time, however many scripts run.
with_lock() {
    local lock
    mkdir -p "$CACHE"
    exec {lock}>"$CACHE/lock"
    if ! flock -n "$lock"; then
        say "another install is running: waiting for it" >&2
        flock "$lock"
    fi
    "$@" {lock}>&-
    exec {lock}>&-
}

# Whether anything listens on this TCP port of this machine.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The first free TCP port at or above this one.
free_port() {
    local port=$1
    while port_taken "$port"; do port=$((port + 1)); done
    printf '%s\n' "$port"
}

# http_status SECONDS URL [CURL ARGUMENTS...]: prints the status, 000 where nobody answers.
http_status() {
    local seconds=$1 url=$2
    shift 2
    curl -s -o /dev/null -w '%{http_code}' --noproxy '*' -m "$seconds" "$@" "$url" 2>/dev/null || true
}

# --- does the one at this address speak our protocol? -------------------------------------

# The ping of the Mumble protocol: twelve bytes over UDP (four of zero, eight of our choice)
# are answered by twenty-four that repeat ours, without a login.
answers_mumble() {
    python3 - "$1" "$2" <<'PY'
import socket, sys
ping = bytes(4) + b"mumbleai"
try:
    family, kind, proto, _, address = socket.getaddrinfo(
        sys.argv[1], int(sys.argv[2]), type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, proto) as s:
        s.settimeout(0.5)
        for _ in range(2):
            try:
                s.sendto(ping, address)
                answer = s.recv(64)
            except socket.timeout:
                continue
            sys.exit(0 if len(answer) == 24 and answer[4:12] == ping[4:] else 1)
except OSError:
    pass
sys.exit(1)
PY
}

# A recogniser refuses an empty question; a stranger does not know the path.
answers_whisper() {
    local path
    for path in /v1/audio/transcriptions /transcribe /api/stt/transcribe; do
        case $(http_status 5 "$1$path" -X POST) in
        400 | 415 | 422) return 0 ;;
        esac
    done
    return 1
}

# A synthesiser says a word, as a WAV.
answers_piper() {
    local path body
    for path in /synthesize / /api/tts/synthesize /v1/audio/speech; do
        body='{"text":"Yes.","input":"Yes.","voice":""}'
        case $path in /synthesize | /) body='{"text":"Yes."}' ;; esac
        if [ "$(curl -s --noproxy '*' -m 10 -H 'Content-Type: application/json' -d "$body" \
            "$1$path" 2>/dev/null | head -c 4 | tr -d '\0')" = RIFF ]; then
            return 0
        fi
    done
    return 1
}

answers_ollama() {
    curl -sf --noproxy '*' -m 3 "$1/api/version" 2>/dev/null | grep -q '"version"'
}

# has_model URL MODEL: whether this Ollama has the model; a name without a tag means latest.
has_model() {
    local model=$2
    case $model in *:*) ;; *) model=$model:latest ;; esac
    curl -sf --noproxy '*' -m 5 "$1/api/tags" 2>/dev/null | grep -qF "\"name\":\"$model\""
}

# --- Mumble servers ------------------------------------------------------------------------

# murmurd_of RELEASE: sets MURMURD to the command of a Mumble server of this release (`1.3`,
# `1.5`; empty: any), the machine's own if it is one, else the one that install.sh unpacked, and
# MURMURD_USER to whom it becomes when it is started as root.
# shellcheck disable=SC2034 # used by those who source this
murmurd_of() {
    local release=$1 tree=$CACHE/mumble-$1 own loader
    own=$(command -v murmurd || command -v mumble-server || true)
    if [ -n "$own" ] && { [ -z "$release" ] || [[ $("$own" -version 2>&1) == *" $release."* ]]; }; then
        MURMURD=("$own") MURMURD_USER=mumble-server
        return 0
    fi
    for loader in "$tree"/usr/lib*/ld-linux*.so.* "$tree"/usr/lib/*-linux-gnu*/ld-linux*.so.*; do
        [ ! -x "$loader" ] || break
    done
    own=$(find "$tree/usr/bin/mumble-server" "$tree/usr/sbin/murmurd" -type f 2>/dev/null | head -n 1)
    if [ -z "$own" ] || [ ! -x "$loader" ]; then return 1; fi
    # It runs with its own release's libraries, down to the loader; nothing of the machine is
    # mixed in. It stays root for root: another user would not reach what lies in root's home.
    local libraries
    libraries=$(dirname "$(find "$tree/usr/lib" -name 'libQt5Core.so.5' -print -quit)")
    MURMURD=(env "QT_PLUGIN_PATH=$libraries/qt5/plugins"
        "$loader" --library-path "$libraries" "$own") MURMURD_USER=root
}

# --- stores --------------------------------------------------------------------------------

# postgres_programs: prints the folder of Postgres' own programs, the newest where there are
# several. Debian keeps them out of the way.
postgres_programs() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            printf '%s\n' "$folder"
            return 0
        fi
    done
    folder=$(command -v postgres) && folder=$(dirname "$(realpath "$folder")") &&
        [ -x "$folder/initdb" ] && printf '%s\n' "$folder"
}

# answers_redis URL: PING, with a login first where the address has a password. A Redis that still
# loads its data answers something else.
answers_redis() {
    timeout 5 python3 - "$1" <<'PY'
import socket, sys, urllib.parse
at = urllib.parse.urlsplit(sys.argv[1])
def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
try:
    with socket.create_connection((at.hostname, at.port or 6379), timeout=3) as s:
        ask = command(b"PING")
        if at.password:
            user = urllib.parse.unquote(at.username or "default").encode()
            ask = command(b"AUTH", user, urllib.parse.unquote(at.password).encode()) + ask
        s.sendall(ask)
        answer = b""
        while b"+PONG" not in answer:
            more = s.recv(256)
            if not more or b"-" in more:
                sys.exit(1)
            answer += more
except (OSError, ValueError):
    sys.exit(1)
PY
}

# answers_postgres HOST PORT: the first message of its protocol. A server that still starts refuses
# it with 57P03; any other answer means that it takes connections.
answers_postgres() {
    timeout 5 python3 - "$1" "$2" <<'PY'
import socket, struct, sys
body = struct.pack("!I", 3 << 16) + b"user\0mumbleai\0database\0mumble_ai\0\0"
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
        s.sendall(struct.pack("!I", len(body) + 4) + body)
        answer = s.recv(512)
except (OSError, ValueError):
    sys.exit(1)
sys.exit(0 if answer[:1] == b"R" or answer[:1] == b"E" and b"C57P03" not in answer else 1)
PY
}

answers_chroma() {
    local version
    # Before 1.0 there is only the first one.
    for version in v2 v1; do
        ! curl -sf --noproxy '*' -m 3 "$1/api/$version/heartbeat" 2>/dev/null | grep -q heartbeat || return 0
    done
    return 1
}

# --- Ollama --------------------------------------------------------------------------------

# The `ollama` to run: the user's own, or the one in our cache.
ollama_command() {
    if have ollama; then
        command -v ollama
    elif [ -x "$CACHE/ollama/bin/ollama" ]; then
        printf '%s\n' "$CACHE/ollama/bin/ollama"
    else
        return 1
    fi
}

# run_ollama HOST:PORT ARGUMENTS...: our `ollama`, with its keys and models in our cache only.
# The packaged build wants to hand every layer to a graphics device unless OLLAMA_NUM_GPU says 0,
# and then answers with noise; other builds do not know the variable. Its OpenMP threads go on
# spinning for 200 ms after an answer unless told otherwise: that doubled the time of the sentence
# that the synthesiser was making meanwhile. With 0 ms the model itself would be three times slower.
run_ollama() {
    local host=$1
    shift
    mkdir -p "$CACHE/ollama-home" "$CACHE/ollama-models"
    env HOME="$CACHE/ollama-home" OLLAMA_HOST="$host" OLLAMA_MODELS="$CACHE/ollama-models" \
        OLLAMA_NUM_GPU=0 KMP_BLOCKTIME="${KMP_BLOCKTIME:-10}" \
        LD_LIBRARY_PATH="$CACHE/ollama/bin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
        "$(ollama_command)" "$@"
}

# create_packaged_models HOST:PORT: makes the models that install.sh unpacked known to an Ollama
# of ours that runs there.
create_packaged_models() {
    local gguf name recipe
    for gguf in "$CACHE"/models/*.gguf; do
        [ -f "$gguf" ] || continue
        # smollm2_135m.gguf is smollm2:135m.
        name=$(basename "$gguf" .gguf | tr _ :)
        ! has_model "http://$1" "$name" || continue
        recipe=$(mktemp)
        printf 'FROM %s\n' "$gguf" >"$recipe"
        case $name in
        # The window that it was trained with, as at Ollama's hub: told nothing, the server takes a
        # larger one, and fails at texts that are longer than the model can be given.
        all-minilm) echo 'PARAMETER num_ctx 256' >>"$recipe" ;;
        *) cat "$SCRIPTS/chatml.modelfile" >>"$recipe" ;;
        esac
        run_ollama "$1" create "$name" -f "$recipe" >/dev/null 2>&1 </dev/null ||
            die "$EX_UNAVAILABLE" "ollama could not create $name from $gguf"
        rm -f "$recipe"
    done
}

# murmurd lies where ordinary users do not look.
export PATH=$PATH:/usr/sbin
SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
