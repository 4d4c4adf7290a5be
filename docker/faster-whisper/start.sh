#!/bin/sh
# Fetches the model if it is not there yet, then transcribes with it on port 5000.
#
# Environment: WHISPER_MODEL, a size such as tiny, base, small.en, large-v3-turbo, or a CTranslate2
# model of the Hugging Face hub.
set -eu

name=${WHISPER_MODEL:-base}
models=${MODELS:-/models}
folder=$models/$(printf '%s' "$name" | tr / _)

# A download that was broken off is never taken for a model: the folder gets its name last.
if [ ! -s "$folder/model.bin" ]; then
    echo "faster-whisper: fetching the model $name, once"
    rm -rf "$folder" "$folder.part"
    if ! HF_HOME=/tmp/hub python3 -c '
import sys
from faster_whisper.utils import download_model
download_model(sys.argv[1], output_dir=sys.argv[2])
' "$name" "$folder.part"; then
        echo "faster-whisper: cannot fetch $name: is the name right, is there a way out? (or put its files into $folder)" >&2
        exit 69
    fi
    mv "$folder.part" "$folder"
fi

# One beam and no time stamps: the quickest way to the words of one short question. The server knows
# its one model as whisper-1, whatever a request calls it.
cat >/tmp/whisper.yaml <<YAML
batch_size: 1
model_options: {device: cpu, compute_type: int8}
models:
  - {name: whisper-1, path: "$folder", transcribe_options: {beam_size: 1, without_timestamps: true}}
YAML
HF_HUB_OFFLINE=1 exec faster-whisper-server --config /tmp/whisper.yaml --host 0.0.0.0 --port "${PORT:-5000}"
