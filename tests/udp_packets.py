#!/usr/bin/env python3
"""Asks a Mumble server how many datagrams it exchanged with users, and prints it.

Usage: udp_packets.py --port PORT NAME...       (of users in the root channel)

Exit code 1: one of them has sent or received nothing over UDP beyond its pings.
"""
import argparse
import sys
import time

from pymumble_caller import constants, pymumble_py3, until
from pymumble_py3 import mumble_pb2

# Pings come once in five seconds; a spoken sentence is at least fifty packets.
SPOKEN = 50


class Observer(pymumble_py3.Mumble):
    def __init__(self, port):
        super().__init__("127.0.0.1", "Observer", port=port)
        self.stats = {}

    def dispatch_control_message(self, type, message):
        if type == constants.PYMUMBLE_MSG_TYPES_USERSTATS:
            stats = mumble_pb2.UserStats()
            stats.ParseFromString(message)
            self.stats[stats.session] = stats
        else:
            super().dispatch_control_message(type, message)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    observer = Observer(options.port)
    observer.daemon = True
    observer.start()
    observer.is_ready()
    few = False
    for name in options.names:
        session = next(user["session"] for user in observer.users.values() if user["name"] == name)
        observer.send_message(constants.PYMUMBLE_MSG_TYPES_USERSTATS, mumble_pb2.UserStats(session=session))
        if not until(lambda: session in observer.stats):
            sys.exit("the server tells nothing of " + name)
        stats = observer.stats[session]
        received, sent = stats.from_client.good, stats.from_server.good
        print("%s: %d datagrams from it, %d to it, %d lost" % (name, received, sent, stats.from_client.lost))
        few = few or received < SPOKEN
    observer.stop()
    time.sleep(0.2)
    sys.exit(few)


main()
