#!/usr/bin/env python3
"""Makes a PNG of the screen that Xvfb keeps in a file (its option -fbdir).

Usage: screen.py XVFB_SCREEN0 OUT.png
"""
import struct
import sys
import zlib


def pixels(xwd):
    """Width, height and the rows as RGB bytes, from an X window dump of 24 bits in 32."""
    header = struct.unpack(">25I", xwd[:100])
    size, width, height, bytes_per_line, colours = header[0], header[4], header[5], header[12], header[19]
    start = size + 12 * colours
    rows = []
    for y in range(height):
        line = xwd[start + y * bytes_per_line :][: 4 * width]
        row = bytearray(3 * width)
        row[0::3], row[1::3], row[2::3] = line[2::4], line[1::4], line[0::4]
        rows.append(bytes(row))
    return width, height, rows


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main():
    with open(sys.argv[1], "rb") as screen:
        width, height, rows = pixels(screen.read())
    with open(sys.argv[2], "wb") as png:
        png.write(b"\x89PNG\r\n\x1a\n")
        png.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        png.write(chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))))
        png.write(chunk(b"IEND", b""))


main()
