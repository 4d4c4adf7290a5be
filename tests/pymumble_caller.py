#!/usr/bin/env python3
"""A Mumble user that is not ours: asks aloud and in writing through pymumble, over the TCP tunnel.

Usage: pymumble_caller.py --port PORT --name NAME --of BOT [--channel NAME]
                          [--question IN.wav --answer OUT.wav] [--write TEXT] [--privately]

IN.wav is mono, 16 bit, 48 kHz, and so is OUT.wav, which holds what BOT said. Prints one line of
JSON: {"heard_s": seconds of sound, "waited_s": from the end of the question to the first sound of
the answer or null, "texts": [what BOT wrote]}. Exit code 1: could not join, or BOT is not there.
"""
import argparse
import json
import sys
import time
import wave

RATE = 48000
# A busy machine may need this long for a whole answer.
PATIENCE_S = 120
# The answer is over when nothing came for so long.
QUIET_S = 2.0

import pymumble_ssl  # noqa: E402,F401  before pymumble
import pymumble_py3  # noqa: E402
from pymumble_py3 import constants  # noqa: E402


class Caller:
    def __init__(self, options):
        self.options = options
        self.heard = []
        self.first = self.latest = None
        self.texts = []
        self.mumble = pymumble_py3.Mumble("127.0.0.1", options.name, port=options.port)
        self.mumble.callbacks.set_callback(constants.PYMUMBLE_CLBK_SOUNDRECEIVED, self.on_sound)
        self.mumble.callbacks.set_callback(constants.PYMUMBLE_CLBK_TEXTMESSAGERECEIVED, self.on_text)
        self.mumble.set_receive_sound(True)

    def on_sound(self, user, chunk):
        if user["name"] == self.options.of:
            self.latest = time.monotonic()
            self.first = self.first or self.latest
            self.heard.append(chunk.pcm)

    def on_text(self, message):
        users = self.mumble.users
        if message.actor in users and users[message.actor]["name"] == self.options.of:
            self.texts.append(message.message)

    def join(self):
        self.mumble.daemon = True
        self.mumble.start()
        self.mumble.is_ready()
        if self.mumble.connected != constants.PYMUMBLE_CONN_STATE_CONNECTED:
            sys.exit("could not join")
        if self.options.channel:
            self.mumble.channels.find_by_name(self.options.channel).move_in()
        if not until(lambda: self.other() is not None):
            sys.exit(self.options.of + " is not there")

    def other(self):
        """The one who is asked, once it is in our channel."""
        users = self.mumble.users
        for user in list(users.values()):
            if user["name"] == self.options.of and user.get("channel_id") == users.myself.get("channel_id"):
                return user
        return None

    def ask(self):
        with wave.open(self.options.question) as question:
            if (question.getframerate(), question.getnchannels(), question.getsampwidth()) != (RATE, 1, 2):
                sys.exit("the question must be mono, 16 bit, 48 kHz")
            self.mumble.sound_output.add_sound(question.readframes(question.getnframes()))
        until(lambda: self.mumble.sound_output.get_buffer_size() <= 0)
        asked = time.monotonic()
        until(lambda: self.latest and time.monotonic() - self.latest > QUIET_S)
        with wave.open(self.options.answer, "wb") as answer:
            answer.setnchannels(1)
            answer.setsampwidth(2)
            answer.setframerate(RATE)
            answer.writeframes(b"".join(self.heard))
        return self.first and round(self.first - asked, 3)

    def write(self):
        before = len(self.texts)
        if self.options.privately:
            self.other().send_text_message(self.options.write)
        else:
            self.mumble.my_channel().send_text_message(self.options.write)
        until(lambda: len(self.texts) > before)


def until(true):
    """Waits until it is true, within patience; says whether it is."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--of", required=True)
    parser.add_argument("--channel")
    parser.add_argument("--question")
    parser.add_argument("--answer")
    parser.add_argument("--write")
    parser.add_argument("--privately", action="store_true")
    options = parser.parse_args()
    caller = Caller(options)
    caller.join()
    waited = caller.ask() if options.question else None
    if options.write:
        caller.write()
    heard = sum(len(pcm) for pcm in caller.heard) / 2 / RATE
    print(json.dumps({"heard_s": heard, "waited_s": waited, "texts": caller.texts}), flush=True)
    caller.mumble.stop()


if __name__ == "__main__":
    main()
