#!/usr/bin/env bash
# Debian's own Mumble client asks the assistant a spoken question over UDP, without a screen and
# without a sound card, and the recording of what it heard is checked.
#
# Usage: make client                         (installs what is needed, runs the assistant)
#        tests/debian_client.sh              beside an assistant that runs already
#
# The client runs under Xvfb. Its microphone is what is played into one null device of a private
# PulseAudio, its loudspeaker another one, which is recorded. No button is pressed: it finds its
# certificate and that of the server in its settings.
#
# Environment: MUMBLE_PORT PIPER_URL WHISPER_URL as the assistant has them; MUMBLE_USERNAME, the
# assistant's name; QUESTION; EXPECTED, a word of the right answer.
# Exit codes: 0 the answer was heard and came over UDP, 1 it was not, 69 something is missing.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/../scripts/kit.sh"

PORT=${MUMBLE_PORT:-64738}
PIPER_URL=${PIPER_URL:-http://127.0.0.1:5001}
WHISPER_URL=${WHISPER_URL:-http://127.0.0.1:5000}
ASSISTANT=${MUMBLE_USERNAME:-AI-Bot}
QUESTION=${QUESTION:-What is the capital of France?}
EXPECTED=${EXPECTED:-Paris}

RATE=48000
# How long each part of it may take.
START_S=30
ANSWER_S=60

main() {
    local command
    for command in mumble Xvfb pulseaudio pactl paplay parec openssl; do
        have "$command" || die "$EX_UNAVAILABLE" "no $command here: run scripts/install.sh client"
    done
    [ -x "$CACHE/pymumble/bin/python" ] ||
        die "$EX_UNAVAILABLE" "no pymumble here: run scripts/install.sh test"
    answers_mumble 127.0.0.1 "$PORT" ||
        die "$EX_UNAVAILABLE" "no Mumble server answers at 127.0.0.1:$PORT: run make run first"

    WORK=$(mktemp -d "${TMPDIR:-/tmp}/mumble-ai-client.XXXXXX")
    trap end EXIT
    trap 'exit 130' INT TERM HUP
    curl -sf --noproxy '*' -H 'Content-Type: application/json' -d "{\"text\":\"$QUESTION\"}" \
        -o "$WORK/question.wav" "$PIPER_URL/synthesize" ||
        die "$EX_UNAVAILABLE" "Piper does not speak at $PIPER_URL"

    start_sound
    start_screen
    start_client
    say "the client is in the channel; it asks: $QUESTION"
    record &
    local recording=$!
    PIDS+=("$recording")
    paplay --device=question "$WORK/question.wav"
    wait "$recording" || die 1 "no answer was heard within $ANSWER_S s"
    check_answer
    check_udp
}

PIDS=()
end() {
    trap '' INT TERM HUP
    local pid
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill "$pid" 2>/dev/null || true; done
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$WORK"
}

# start NAME COMMAND...: in the background, for as long as this script runs.
start() {
    local name=$1
    shift
    "$@" >"$WORK/$name.log" 2>&1 </dev/null &
    PIDS+=($!)
}

# until_true WHAT COMMAND...
until_true() {
    local what=$1 deadline=$((SECONDS + START_S))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || {
            tail -n 5 "$WORK"/*.log >&2
            die "$EX_UNAVAILABLE" "$what within $START_S s"
        }
        sleep 0.2
    done
}

start_sound() {
    # A home of its own, so that nothing of the user's is read or written.
    export HOME=$WORK/home XDG_RUNTIME_DIR=$WORK/run PULSE_RUNTIME_PATH=$WORK/run/pulse
    unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME PULSE_SERVER DBUS_SESSION_BUS_ADDRESS
    mkdir -p "$HOME" && mkdir -m 700 "$XDG_RUNTIME_DIR"
    local null="module-null-sink rate=$RATE channels=1"
    start sound pulseaudio -n --daemonize=no --exit-idle-time=-1 -L module-native-protocol-unix \
        -L "$null sink_name=question" -L "$null sink_name=answer"
    until_true "PulseAudio does not start" pactl info
}

start_screen() {
    start screen Xvfb -displayfd 3 -nolisten tcp -screen 0 800x600x24 3>"$WORK/display"
    until_true "Xvfb does not start" test -s "$WORK/display"
    DISPLAY=:$(tr -d '\n' <"$WORK/display")
    export DISPLAY
}

start_client() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=Debian" \
        -keyout "$WORK/key.pem" -out "$WORK/certificate.pem" 2>/dev/null
    openssl pkcs12 -export -passout pass: -inkey "$WORK/key.pem" -in "$WORK/certificate.pem" \
        -out "$WORK/identity.p12"
    settings
    start client mumble "mumble://Debian@127.0.0.1:$PORT/"
    until_true "the client does not join" joined
    # The ends of its sound come a little later.
    until_true "the client opens no microphone" has_lines source-outputs
    until_true "the client opens no loudspeaker" has_lines sink-inputs
}

joined() { grep -q 'AudioInput: Initialized mixer' "$WORK/client.log"; }
has_lines() { pactl list short "$1" | grep -q .; }

# The client's settings, and its memory of servers' certificates.
settings() {
    mkdir -p "$HOME/.config/Mumble" "$HOME/.local/share/Mumble/Mumble"
    cat >"$HOME/.config/Mumble/Mumble.conf" <<'INI'
[General]
lastupdate=2
[audio]
input=PulseAudio
output=PulseAudio
transmit=1
vadsource=0
vadmin=0.3
vadmax=0.5
[pulseaudio]
input=question.monitor
output=answer
[ui]
disablepubliclist=true
disableconnectdialog=true
askonquit=false
updatecheck=false
plugincheck=false
usage=false
[overlay]
enable=false
[tts]
enable=false
INI
    python3 - "$PORT" "$WORK/identity.p12" "$HOME" <<'PY'
import hashlib, sqlite3, ssl, sys
port, identity, home = int(sys.argv[1]), open(sys.argv[2], "rb").read(), sys.argv[3]
with open(home + "/.config/Mumble/Mumble.conf", "a") as settings:
    escaped = "".join("\\x%02x" % byte for byte in identity)
    settings.write("[net]\ncertificate=@ByteArray(%s)\n" % escaped)
server = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
with sqlite3.connect(home + "/.local/share/Mumble/Mumble/mumble.sqlite") as memory:
    memory.execute("CREATE TABLE `cert` (`id` INTEGER PRIMARY KEY AUTOINCREMENT,"
                   " `hostname` TEXT, `port` INTEGER, `digest` TEXT)")
    memory.execute("INSERT INTO `cert` (`hostname`, `port`, `digest`) VALUES (?, ?, ?)",
                   ("127.0.0.1", port, hashlib.sha1(server).hexdigest()))
PY
}

# Records the loudspeaker from the first sound until two seconds of silence.
record() {
    python3 - "$WORK/answer.wav" "$RATE" "$ANSWER_S" <<'PY'
import array, subprocess, sys, time, wave
path, rate, patience = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
QUIET, END_S, PIECE_S = 200, 2.0, 0.1
parec = subprocess.Popen(["parec", "--device=answer.monitor", "--format=s16le", "--channels=1",
                          "--rate=%d" % rate, "--latency-msec=50"], stdout=subprocess.PIPE)
deadline, kept, silent_s = time.monotonic() + patience, array.array("h"), 0.0
try:
    while silent_s < END_S:
        piece = array.array("h", parec.stdout.read(int(rate * PIECE_S) * 2))
        loud = max(map(abs, piece), default=0) > QUIET
        if loud or kept:
            kept.extend(piece)
            silent_s = 0.0 if loud else silent_s + PIECE_S
        elif not piece or time.monotonic() > deadline:
            sys.exit(1)
finally:
    parec.kill()
with wave.open(path, "wb") as answer:
    answer.setnchannels(1)
    answer.setsampwidth(2)
    answer.setframerate(rate)
    answer.writeframes(kept.tobytes())
PY
}

check_answer() {
    local heard
    heard=$(curl -sf --noproxy '*' -F "file=@$WORK/answer.wav" -F model=whisper-1 \
        "$WHISPER_URL/v1/audio/transcriptions" | python3 -c 'import json, sys; print(json.load(sys.stdin)["text"].strip())')
    say "it heard: $heard"
    grep -qiw "$EXPECTED" <<<"$heard" || die 1 "the word $EXPECTED is not in it"
}

# The server counts what it got and sent over UDP for each user; whoever shares the channel may
# ask.
check_udp() {
    "$CACHE/pymumble/bin/python" "$(dirname "$0")/udp_packets.py" --port "$PORT" Debian "$ASSISTANT" ||
        die 1 "the sound did not travel over UDP"
}

main "$@"
