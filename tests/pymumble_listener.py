#!/usr/bin/env python3
"""A Mumble user that is not ours: hears everybody through pymumble, over the TCP tunnel.

Usage: pymumble_listener.py PORT PACKETS

Prints `ready` once it has joined, and answers each line on standard input by one of JSON: how
many packets of 20 ms it has heard. The line `decode N` is answered by what pymumble's libopus takes
for a packet, in microseconds: N speakers who say what is in PACKETS (each packet behind its
length, two bytes, big-endian) are decoded in turn. Ends with its standard input.
"""
import ctypes
import json
import sys
import time

import pymumble_ssl  # noqa: E402,F401  before pymumble
import opuslib  # noqa: E402
import opuslib.api.decoder  # noqa: E402
import pymumble_py3  # noqa: E402
from pymumble_py3 import constants  # noqa: E402

RATE = 48000
# Samples of 16 bit in a packet, in bytes.
PACKET_BYTES = RATE // 50 * 2
PACKET_S = 0.02
# How many packets of each speaker are timed alone: those of 5 s.
PACED = 250


class Listener:
    def __init__(self, port):
        self.heard_bytes = 0
        self.mumble = pymumble_py3.Mumble("127.0.0.1", "Stranger", port=port)
        self.mumble.callbacks.set_callback(constants.PYMUMBLE_CLBK_SOUNDRECEIVED, self.on_sound)
        self.mumble.set_receive_sound(True)
        self.mumble.daemon = True
        self.mumble.start()
        self.mumble.is_ready()
        if self.mumble.connected != constants.PYMUMBLE_CONN_STATE_CONNECTED:
            sys.exit("could not join")

    def on_sound(self, _user, chunk):
        self.heard_bytes += len(chunk.pcm)


def stored(path):
    with open(path, "rb") as file:
        data = file.read()
    packets, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at:at + 2], "big")
        packets.append(data[at + 2:end])
        at = end
    return packets


def decode_us(packets, speakers):
    """Time of one call of libopus itself, at the pace of speech: a packet of each every 20 ms.

    What Python does around the call is pymumble's. The longest in a hundred are left out:
    something else ran then.
    """
    frame = constants.PYMUMBLE_READ_BUFFER_SIZE
    pcm = ctypes.cast((ctypes.c_int16 * frame)(), opuslib.api.c_int16_pointer)
    call = opuslib.api.decoder.libopus_decode
    decoders = [opuslib.Decoder(RATE, 1) for _ in range(speakers)]
    begin, times = time.perf_counter(), []
    for tick in range(PACED):
        time.sleep(max(0.0, begin + tick * PACKET_S - time.perf_counter()))
        for speaker, decoder in enumerate(decoders):
            packet = packets[(tick + speaker * len(packets) // speakers) % len(packets)]
            begun = time.perf_counter()
            call(decoder.decoder_state, packet, len(packet), pcm, frame, 0)
            times.append(time.perf_counter() - begun)
    times = sorted(times)[:-(len(times) // 100)]
    return sum(times) * 1e6 / len(times)


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    packets = stored(path)
    listener = Listener(port)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.startswith("decode"):
            answer = {"decode_us": decode_us(packets, int(line.split()[1]))}
        else:
            answer = {"packets": listener.heard_bytes // PACKET_BYTES}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
