#!/usr/bin/env bash
# A Mumble user that is not ours is answered: Debian's own Mumble client asks and hears aloud.
#
# Usage: tests/debian_client.sh [CASE...]          default: voice open tcp
#
#   voice   the client opens its microphone when it hears a voice; sound goes over UDP
#   open    its microphone is always open, so only silence ends the question; over UDP
#   tcp     the client is told to use TCP alone: the counts of the others show what UDP is
#
# Run it by hand after `make test` or `make run`; it is no part of them. It installs the client
# (scripts/install.sh client), starts a Mumble server, the three engines and the assistant on free
# ports of 127.0.0.1, and the client on a screen and a sound card that do not exist:
#
#   question.wav -> [question] -> client -> relay -> murmurd -> assistant -> engines
#   answer.wav   <- [answer]   <- client <- relay <- murmurd <- assistant <-
#
# [question] and [answer] are null sinks of a private PulseAudio. The relay counts datagrams. What
# was recorded is read back by the real recogniser and must say Paris. For each case it prints
# what was heard, the counts, and PASS or FAIL. All that was started ends with the script.
#
# Environment: MUMBLE_AI (the executable; default: the newer of target/release and target/debug,
# built when there is none), KEEP=1 (leaves recordings, logs and the client's screen in place).
# Exit codes: 0 every case passed, 1 one did not, 64 a wrong call, 69 something is missing.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/../scripts/kit.sh"
cd "$SCRIPTS/.."
# murmurd lies where Debian's ordinary users do not look.
export PATH=$PATH:/usr/sbin
HELPERS=$PWD/tests/debian_client

QUESTION="What is the capital of France?"
EXPECTED=paris
MODEL=smollm2:135m
CLIENT=Debbie

READY_S=60
# A model that is not loaded yet, on a machine that is busy.
ANSWER_S=120
# The pauses between the sentences of an answer are shorter.
QUIET_S=3
# The client sends a packet for every 20 ms of voice; so does the assistant.
PACKET_MS=20
# Its voice detection may leave out the softest parts, so half of a question's packets will do.
LEAST_SHARE=50
# How long each may take to end by itself; the servers have five seconds for their own.
END_S=8
# Besides voice, the client sends a ping every five seconds.
MOST_PINGS=30

main() {
    [ $# -gt 0 ] || set -- voice open tcp
    local case
    for case in "$@"; do
        case $case in
        voice | open | tcp) ;;
        *) die "$EX_USAGE" "no case is called '$case': voice open tcp" ;;
        esac
    done
    declare -gA PIDS=()
    RUN=$(mktemp -d "${TMPDIR:-/tmp}/mumble-ai-client.XXXXXX")
    # murmurd, started as root, becomes another user and must find its folder.
    chmod 0711 "$RUN"
    trap end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    "$SCRIPTS/install.sh" apt speech ollama client
    OLLAMA_URL=none OLLAMA_MODEL=$MODEL "$SCRIPTS/install.sh" model
    have openssl || die "$EX_UNAVAILABLE" "openssl is needed; on Debian: apt-get install -y openssl"
    find_executable
    start_servers
    start_assistant
    start_screen_and_sound
    make_question

    local failed=()
    for case in "$@"; do
        try "$case" || failed+=("$case")
    done
    [ ${#failed[@]} -eq 0 ] || die 1 "FAIL: ${failed[*]}"
    say "PASS: $*"
}

end() {
    trap '' INT TERM HUP
    local pid
    [ -z "${ALIVE:-}" ] || exec {ALIVE}>&-
    for pid in "${!PIDS[@]}"; do stop "$pid"; done
    if [ -n "${KEEP:-}" ]; then say "recordings and logs: $RUN"; else rm -rf "$RUN"; fi
}

# started PID: remembers one that is to be ended; stop PID: ends it and forgets it, because its
# number may be another's by then.
started() { PIDS[$1]=yes; }
stop() {
    local tenths=0
    kill -TERM "$1" 2>/dev/null || true
    while kill -0 "$1" 2>/dev/null && [ $tenths -lt $((END_S * 10)) ]; do
        sleep 0.1
        tenths=$((tenths + 1))
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    unset "PIDS[$1]"
}

# until_true SECONDS WHAT COMMAND...: waits for something that must happen.
until_true() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if [ $SECONDS -ge "$deadline" ]; then
            say "gave up waiting until $what"
            return 1
        fi
        sleep 0.2
    done
}

# --- the stage -----------------------------------------------------------------------------

find_executable() {
    local target=${CARGO_TARGET_DIR:-target}
    [ -z "${MUMBLE_AI:-}" ] || return 0
    MUMBLE_AI=$target/debug/mumble-ai
    if [ -x "$target/release/mumble-ai" ] && ! [ "$MUMBLE_AI" -nt "$target/release/mumble-ai" ]; then
        MUMBLE_AI=$target/release/mumble-ai
    fi
    [ -x "$MUMBLE_AI" ] || cargo build --package mumble-ai
}

# Each server ends when this script does, however it ends: it reads from a pipe that only we hold.
start_servers() {
    mkfifo "$RUN/alive"
    exec {ALIVE}<>"$RUN/alive"
    local part port answer
    local -A pids ports
    for part in mumble whisper piper ollama; do
        port=$(free_port $((20000 + RANDOM % 10000)))
        say "starting $part on 127.0.0.1:$port"
        "$SCRIPTS/serve.sh" "$part" "$port" "$RUN/$part" <"$RUN/alive" >"$RUN/$part.ready" {ALIVE}>&- &
        started $!
        pids[$part]=$! ports[$part]=$port
    done
    for part in mumble whisper piper ollama; do
        until [ -s "$RUN/$part.ready" ]; do
            kill -0 "${pids[$part]}" 2>/dev/null || die "$EX_UNAVAILABLE" "$part could not be started"
            sleep 0.1
        done
        read -r answer <"$RUN/$part.ready"
        [ "$answer" = ready ] || die "$EX_UNAVAILABLE" "$part said '$answer' instead of ready"
    done
    MUMBLE_PORT=${ports[mumble]}
    WHISPER=http://127.0.0.1:${ports[whisper]}
    PIPER=http://127.0.0.1:${ports[piper]}
    OLLAMA=http://127.0.0.1:${ports[ollama]}
    # Asked for once: the server bans who connects often.
    DIGEST=$(python3 -c 'import hashlib, ssl, sys
pem = ssl.get_server_certificate(("127.0.0.1", int(sys.argv[1])))
print(hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).hexdigest())' "$MUMBLE_PORT")
}

# The deadlines are for a machine that is busy. Seed, temperature and forgetting what was asked
# before make so small a model repeat itself.
start_assistant() {
    say "starting $MUMBLE_AI"
    mkdir "$RUN/state"
    env MUMBLE_HOST=127.0.0.1 MUMBLE_PORT="$MUMBLE_PORT" WHISPER_URL="$WHISPER" \
        WHISPER_LANGUAGE=en WHISPER_DEADLINE_MS=60000 PIPER_URL="$PIPER" PIPER_DEADLINE_MS=60000 \
        OLLAMA_URL="$OLLAMA" OLLAMA_MODEL="$MODEL" OLLAMA_TEMPERATURE=0 \
        OLLAMA_SEED=1 SHORT_TERM_MEMORY_LIMIT=0 OLLAMA_NUM_PREDICT=60 OLLAMA_FIRST_TOKEN_MS=60000 \
        OLLAMA_NEXT_TOKEN_MS=30000 STATE_DIR="$RUN/state" \
        "$MUMBLE_AI" up >"$RUN/assistant.log" 2>&1 </dev/null {ALIVE}>&- &
    started $!
    until_true "$READY_S" "the assistant is in its channel" grep -qs ' joined' "$RUN/assistant.log" ||
        { tail -n 15 "$RUN/assistant.log" >&2 && die "$EX_UNAVAILABLE" "the assistant did not join"; }
}

start_screen_and_sound() {
    # Nothing of the person who runs this is read or changed, and no bus is started.
    export XDG_RUNTIME_DIR=$RUN/runtime PULSE_SERVER=unix:$RUN/pulse
    export DBUS_SESSION_BUS_ADDRESS=unix:path=$RUN/no-bus
    mkdir -m 0700 "$XDG_RUNTIME_DIR" "$RUN/screen" "$RUN/sound-home"
    Xvfb -displayfd 3 3>"$RUN/display" -screen 0 1024x768x24 -nolisten tcp -fbdir "$RUN/screen" \
        >"$RUN/xvfb.log" 2>&1 </dev/null {ALIVE}>&- &
    started $!
    env HOME="$RUN/sound-home" pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 \
        --load="module-native-protocol-unix socket=$RUN/pulse" \
        --load="module-null-sink sink_name=question rate=48000 channels=1" \
        --load="module-null-sink sink_name=answer rate=48000 channels=1" \
        >"$RUN/pulse.log" 2>&1 </dev/null {ALIVE}>&- &
    started $!
    until_true "$READY_S" "there is a screen" test -s "$RUN/display" ||
        die "$EX_UNAVAILABLE" "Xvfb did not start: $(tail -n 3 "$RUN/xvfb.log")"
    until_true "$READY_S" "there is sound" sinks_are_there ||
        die "$EX_UNAVAILABLE" "pulseaudio did not start: $(tail -n 3 "$RUN/pulse.log")"
    DISPLAY=:$(cat "$RUN/display")
    export DISPLAY
}

sinks_are_there() { [ "$(pactl list short sinks 2>/dev/null | grep -c -e question -e answer)" = 2 ]; }

make_question() {
    curl -sf --noproxy '*' -H 'Content-Type: application/json' -d "{\"text\":\"$QUESTION\"}" \
        -o "$RUN/question.wav" "$PIPER/synthesize" || die "$EX_UNAVAILABLE" "piper did not speak the question"
    QUESTION_MS=$(python3 -c 'import sys, wave
with wave.open(sys.argv[1]) as w: print(1000 * w.getnframes() // w.getframerate())' "$RUN/question.wav")
}

# --- the client ----------------------------------------------------------------------------

# client_home CASE DIR: a home in which the client was used before, so that it asks nothing.
client_home() {
    local mode=1 tcponly=false dir=$2
    [ "$1" != open ] || mode=0
    [ "$1" != tcp ] || tcponly=true
    mkdir -p "$dir/.config/Mumble" "$dir/Documents" "$dir/.local/share/Mumble/Mumble"
    # `lastupdate`: its wizard for audio has been seen. `transmit`: 0 always, 1 by voice. The two
    # levels of its voice detection are set here because nobody will tune them to a microphone.
    cat >"$dir/.config/Mumble/Mumble.conf" <<INI
[General]
lastupdate=2
[audio]
input=PulseAudio
output=PulseAudio
transmit=$mode
framesperpacket=$((PACKET_MS / 10))
vadsource=0
vadmin=0.5
vadmax=0.6
[pulseaudio]
input=question.monitor
output=answer
[net]
tcponly=$tcponly
[tts]
enable=false
[ui]
updatecheck=false
plugincheck=false
usage=false
INI
    # Its wizard for certificates does not appear when it finds one where it keeps its backup.
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$CLIENT" \
        -keyout "$dir/key.pem" -out "$dir/certificate.pem" 2>/dev/null
    openssl pkcs12 -export -passout pass: -inkey "$dir/key.pem" -in "$dir/certificate.pem" \
        -out "$dir/Documents/MumbleAutomaticCertificateBackup.p12"
}

# accept_server PORT DIR: the client has said yes to the server's certificate before.
accept_server() {
    python3 - "$1" "$DIGEST" "$2/.local/share/Mumble/Mumble/mumble.sqlite" <<'PY'
import sqlite3, sys
port, digest, database = sys.argv[1:]
with sqlite3.connect(database) as db:
    db.execute("CREATE TABLE cert (id INTEGER PRIMARY KEY AUTOINCREMENT, hostname TEXT,"
               " port INTEGER, digest TEXT)")
    db.execute("INSERT INTO cert (hostname, port, digest) VALUES ('127.0.0.1', ?, ?)",
               (int(port), digest))
PY
}

client_is_there() {
    grep -q "$NAME(-1)> Authenticated" "$RUN/mumble/log" &&
        grep -q 'AudioInput: Initialized mixer' "$1/client.log"
}

# counts: datagrams from and to the client, TCP bytes from and to it, since the relay began.
counts() { echo >&"${RELAY[1]}" && read -r UDP_UP UDP_DOWN TCP_UP TCP_DOWN <&"${RELAY[0]}"; }

# --- a case --------------------------------------------------------------------------------

# try CASE: the client joins, asks, records; the relay and the client end with the case.
try() {
    local case=$1 dir port client relay passed=0
    NAME=$CLIENT-$case
    dir=$(mktemp -d "$RUN/$case.XXXX")
    client_home "$case" "$dir"
    coproc RELAY { exec python3 "$HELPERS/relay.py" "$MUMBLE_PORT" {ALIVE}>&-; }
    relay=$RELAY_PID
    started "$relay"
    read -r port <&"${RELAY[0]}"
    accept_server "$port" "$dir"
    say "$case: the client joins"
    env -u XDG_CONFIG_HOME -u XDG_DATA_HOME HOME="$dir" QT_QPA_PLATFORM=xcb \
        mumble --noidentity "mumble://$NAME@127.0.0.1:$port/?version=1.3.0" \
        >"$dir/client.log" 2>&1 </dev/null {ALIVE}>&- &
    client=$!
    started "$client"
    until_true "$READY_S" "$NAME is on the server" client_is_there "$dir" && ask "$case" "$dir" || passed=1
    if [ $passed -ne 0 ]; then show_screen "$case"; fi
    stop "$client"
    stop "$relay"
    return $passed
}

ask() {
    local case=$1 dir=$2 up down tcp_up tcp_down recorder
    # Its first datagrams are pings; the answer to them is what turns UDP on.
    [ "$case" = tcp ] || until_true "$READY_S" "UDP passes both ways" udp_passes
    parec --device=answer.monitor --rate=48000 --channels=1 --file-format=wav "$dir/answer.wav" {ALIVE}>&- &
    recorder=$!
    started "$recorder"
    counts
    up=$UDP_UP down=$UDP_DOWN tcp_up=$TCP_UP tcp_down=$TCP_DOWN
    say "$case: asks \"$QUESTION\""
    paplay --device=question "$RUN/question.wav" {ALIVE}>&-
    until_true "$ANSWER_S" "something is heard" heard "$dir/answer.wav" &&
        until_true "$ANSWER_S" "the answer is over" quiet "$dir/answer.wav"
    counts
    stop "$recorder"
    up=$((UDP_UP - up)) down=$((UDP_DOWN - down))
    say "$case: from the client $up datagrams and $((TCP_UP - tcp_up)) bytes of TCP," \
        "to it $down and $((TCP_DOWN - tcp_down)); the question has $((QUESTION_MS / PACKET_MS)) packets"
    judge "$case" "$dir" "$up" "$down"
}

udp_passes() { counts && [ "$UDP_UP" -gt 0 ] && [ "$UDP_DOWN" -gt 0 ]; }

# A null sink that nobody plays to records exact zeros.
heard() { [ -n "$(tail -c +64 "$1" 2>/dev/null | tr -d '\0' | head -c 1)" ]; }
quiet() { [ -z "$(tail -c $((QUIET_S * 96000)) "$1" | tr -d '\0' | head -c 1)" ]; }

judge() {
    local case=$1 dir=$2 up=$3 down=$4 text wanted=$((QUESTION_MS * LEAST_SHARE / 100 / PACKET_MS))
    text=$(curl -sf --noproxy '*' -F file=@"$dir/answer.wav" -F model=whisper-1 \
        "$WHISPER/v1/audio/transcriptions" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["text"].strip())') || text=
    say "$case: heard \"$text\""
    grep -E 'turn (not )?answered' "$RUN/assistant.log" | tail -n 1 || true
    if ! grep -qi "$EXPECTED" <<<"$text"; then
        say "$case: FAIL: that has no $EXPECTED"
    elif [ "$case" = tcp ] && [ $((up > down ? up : down)) -gt $MOST_PINGS ]; then
        say "$case: FAIL: the client sends sound over UDP"
    elif [ "$case" != tcp ] && [ $((up < down ? up : down)) -lt "$wanted" ]; then
        say "$case: FAIL: fewer than $wanted datagrams one way: the sound did not go over UDP"
    else
        say "$case: PASS"
        return 0
    fi
    return 1
}

show_screen() {
    local png=${TMPDIR:-/tmp}/mumble-ai-client-$1.png
    python3 "$HELPERS/screen.py" "$RUN/screen/Xvfb_screen0" "$png" 2>/dev/null &&
        say "$1: what the client shows: $png"
}

main "$@"
