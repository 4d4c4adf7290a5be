#!/usr/bin/env bash
# Makes config/sounds/ anew: the prepared sentences, spoken by the packaged voice.
#
# Usage: scripts/sounds.sh                   (`make sounds`)
#
# Environment: PIPER_URL, a synthesiser to use instead of one that is started for this.
set -euo pipefail
# shellcheck source=scripts/kit.sh
. "$(dirname "$0")/kit.sh"
cd "$SCRIPTS/.."

if [ -z "${PIPER_URL:-}" ]; then
    port=$(free_port 5001)
    # It ends when this script does, which holds the other end of its standard input.
    coproc PIPER { "$SCRIPTS/serve.sh" piper "$port"; }
    read -r _ <&"${PIPER[0]}" || die "$EX_UNAVAILABLE" "Piper could not be started"
    export PIPER_URL=http://127.0.0.1:$port
fi
cargo run --quiet --release --package mumble-ai -- sounds --out config/sounds
