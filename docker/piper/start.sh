#!/bin/sh
# Fetches the voice if it is not there yet, then speaks with it on port 5001.
#
# Environment: PIPER_VOICE, a voice of https://huggingface.co/rhasspy/piper-voices.
set -eu

voice=${PIPER_VOICE:-en_US-lessac-medium}
voices=${VOICES:-/voices}

# A download that was broken off is never taken for a voice: both files are moved last.
if [ ! -s "$voices/$voice.onnx" ] || [ ! -s "$voices/$voice.onnx.json" ]; then
    echo "piper: fetching the voice $voice, once"
    rm -rf "$voices/part"
    if ! python3 -m piper.download_voices "$voice" --download-dir "$voices/part"; then
        echo "piper: cannot fetch $voice: is the name right, is there a way out? (or put $voice.onnx and $voice.onnx.json into the volume)" >&2
        exit 69
    fi
    mv "$voices/part/$voice.onnx" "$voices/part/$voice.onnx.json" "$voices/"
    rm -rf "$voices/part"
fi
exec python3 -m piper.http_server --host 0.0.0.0 --port "${PORT:-5001}" -m "$voice" --data-dir "$voices"
