#!/usr/bin/env python3
"""Stands between a Mumble client and its server, and counts what passes.

Usage: relay.py SERVER_PORT

Prints the port it listens on, TCP and UDP on 127.0.0.1. Each line on standard input is answered
by one line of totals: datagrams from the client, datagrams to the client, bytes of the TCP
connection from the client, to the client. Ends when standard input does.
"""
import asyncio
import signal
import socket
import sys

HOST = "127.0.0.1"


class Totals:
    def __init__(self):
        self.udp_up = self.udp_down = self.tcp_up = self.tcp_down = 0

    def __str__(self):
        return f"{self.udp_up} {self.udp_down} {self.tcp_up} {self.tcp_down}"


class FromClient(asyncio.DatagramProtocol):
    """The side that the client talks to. Each client gets a socket of its own towards the server,
    which tells its clients apart by their ports."""

    def __init__(self, server_port, totals):
        self.server_port, self.totals, self.servers = server_port, totals, {}

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, client):
        self.totals.udp_up += 1
        if client not in self.servers:
            towards = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            towards.setblocking(False)
            towards.connect((HOST, self.server_port))
            self.servers[client] = towards
            asyncio.get_running_loop().add_reader(towards, self.from_server, towards, client)
        try:
            self.servers[client].send(data)
        except OSError:
            pass  # A datagram may be lost.

    def from_server(self, towards, client):
        try:
            data = towards.recv(2048)
        except OSError:
            return
        self.totals.udp_down += 1
        self.transport.sendto(data, client)


def tcp_relay(server_port, totals):
    async def pump(reader, writer, counter):
        try:
            while data := await reader.read(65536):
                setattr(totals, counter, getattr(totals, counter) + len(data))
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # Either side may hang up; then so does the other.
        writer.close()

    async def accept(client_reader, client_writer):
        server_reader, server_writer = await asyncio.open_connection(HOST, server_port)
        await asyncio.gather(
            pump(client_reader, server_writer, "tcp_up"),
            pump(server_reader, client_writer, "tcp_down"),
        )

    return accept


async def main():
    totals, server_port = Totals(), int(sys.argv[1])
    loop = asyncio.get_running_loop()
    tcp = await asyncio.start_server(tcp_relay(server_port, totals), HOST, 0)
    port = tcp.sockets[0].getsockname()[1]
    udp = lambda: FromClient(server_port, totals)  # noqa: E731
    await loop.create_datagram_endpoint(udp, local_addr=(HOST, port))
    print(port, flush=True)
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while await stdin.readline():
        print(totals, flush=True)


# Ctrl-C is for the script that holds our standard input.
signal.signal(signal.SIGINT, signal.SIG_IGN)
asyncio.run(main())
