"""Makes a GGUF file, as llama.cpp and Ollama read it, of a BERT sentence model's own files.

Usage: gguf.py FOLDER OUT    FOLDER holds model.safetensors, config.json and vocab.txt

Weights of matrices become half floats, as in the files that Ollama's own hub gives; the rest stays
as it is. Nothing beside Python itself is needed. Formats: ggml's docs/gguf.md, version 3, and the
README of safetensors.
"""

import json
import struct
import sys

U32, I32, F32, BOOL, TEXT, ARRAY = 4, 5, 6, 7, 8, 9
NORMAL, CONTROL = 1, 3
FLOAT, HALF = 0, 1
MEAN_POOLING = 1
ALIGNMENT = 32
# Floats that are converted at once: a tuple of them takes some megabytes.
CHUNK = 1 << 16

TENSORS = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def main(folder, out):
    config = json.load(open(folder + "/config.json", encoding="utf-8"))
    tensors, weights = tensors_of(folder + "/model.safetensors", config["num_hidden_layers"])
    keys = keys_of(config, open(folder + "/vocab.txt", encoding="utf-8").read().splitlines())
    infos, offset = b"", 0
    for name, shape, kind, _, size in tensors:
        # The dimension that varies fastest comes first here.
        infos += text(name) + struct.pack("<I", len(shape))
        infos += struct.pack(f"<{len(shape)}Q", *reversed(shape))
        infos += struct.pack("<IQ", kind, offset)
        offset += padded(size)
    with open(out, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)))
        for key, value in keys:
            file.write(text(key) + value)
        file.write(infos)
        file.write(bytes(-file.tell() % ALIGNMENT))
        for _, _, kind, begin, size in tensors:
            write_tensor(file, weights, begin, size, kind)
            file.write(bytes(padded(size) - size))


def tensors_of(path, layers):
    """Name, shape, kind, place in the file and size of each tensor, and the open file."""
    wanted = dict(TENSORS)
    for layer in range(layers):
        for ours, theirs in LAYER.items():
            for part in ("weight", "bias"):
                wanted[f"encoder.layer.{layer}.{ours}.{part}"] = f"blk.{layer}.{theirs}.{part}"
    weights = open(path, "rb")
    (length,) = struct.unpack("<Q", weights.read(8))
    header = json.loads(weights.read(length))
    known = {name.removeprefix("bert."): about for name, about in header.items()}
    tensors = []
    for name, new in wanted.items():
        about = known[name]
        assert about["dtype"] == "F32", f"{name} is {about['dtype']}"
        begin, end = about["data_offsets"]
        matrix = new == "token_embd.weight" or (new.startswith("blk") and len(about["shape"]) == 2)
        size = (end - begin) // 2 if matrix else end - begin
        tensors.append((new, about["shape"], HALF if matrix else FLOAT, 8 + length + begin, size))
    return tensors, weights


def write_tensor(file, weights, begin, size, kind):
    weights.seek(begin)
    left = size // (2 if kind == HALF else 4)
    while left:
        count = min(left, CHUNK)
        floats = weights.read(4 * count)
        if kind == HALF:
            floats = struct.pack(f"<{count}e", *struct.unpack(f"<{count}f", floats))
        file.write(floats)
        left -= count


def keys_of(config, vocabulary):
    def special(word):
        return u32(vocabulary.index(word))

    marks = {word for word in vocabulary if word.startswith("[") and word.endswith("]")}
    # The beginning of a word is marked here, its continuation there.
    words = [
        word if word in marks else word[2:] if word.startswith("##") else "\u2581" + word
        for word in vocabulary
    ]
    kinds = [CONTROL if word in marks else NORMAL for word in vocabulary]
    return [
        ("general.architecture", struct.pack("<I", TEXT) + text("bert")),
        ("general.name", struct.pack("<I", TEXT) + text("all-MiniLM-L6-v2")),
        ("general.license", struct.pack("<I", TEXT) + text("apache-2.0")),
        ("general.file_type", u32(HALF)),
        ("bert.block_count", u32(config["num_hidden_layers"])),
        ("bert.context_length", u32(config["max_position_embeddings"])),
        ("bert.embedding_length", u32(config["hidden_size"])),
        ("bert.feed_forward_length", u32(config["intermediate_size"])),
        ("bert.attention.head_count", u32(config["num_attention_heads"])),
        ("bert.attention.layer_norm_epsilon", struct.pack("<If", F32, config["layer_norm_eps"])),
        ("bert.attention.causal", struct.pack("<I?", BOOL, False)),
        ("bert.pooling_type", u32(MEAN_POOLING)),
        ("tokenizer.ggml.model", struct.pack("<I", TEXT) + text("bert")),
        ("tokenizer.ggml.pre", struct.pack("<I", TEXT) + text("default")),
        ("tokenizer.ggml.tokens", array(TEXT, [text(word) for word in words])),
        ("tokenizer.ggml.token_type", array(I32, [struct.pack("<i", kind) for kind in kinds])),
        ("tokenizer.ggml.token_type_count", u32(config["type_vocab_size"])),
        ("tokenizer.ggml.bos_token_id", special("[CLS]")),
        ("tokenizer.ggml.cls_token_id", special("[CLS]")),
        ("tokenizer.ggml.eos_token_id", special("[SEP]")),
        # So it is spelt there.
        ("tokenizer.ggml.seperator_token_id", special("[SEP]")),
        ("tokenizer.ggml.unknown_token_id", special("[UNK]")),
        ("tokenizer.ggml.padding_token_id", special("[PAD]")),
        ("tokenizer.ggml.mask_token_id", special("[MASK]")),
    ]


def text(value):
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def u32(value):
    return struct.pack("<II", U32, value)


def array(kind, items):
    return struct.pack("<IIQ", ARRAY, kind, len(items)) + b"".join(items)


def padded(size):
    return size + -size % ALIGNMENT


if __name__ == "__main__":
    main(*sys.argv[1:])
