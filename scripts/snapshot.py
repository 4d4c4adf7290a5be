"""Writes a folder to standard output as a tar, its SQLite files as of one moment.

Usage: snapshot.py FOLDER

A database that a server is writing to cannot simply be copied: SQLite's own backup takes it, and
its journals stay behind. Any other file that is written to meanwhile is taken as far as it was
written when it was opened.
"""

import os
import shutil
import sqlite3
import sys
import tarfile
import tempfile

MAGIC = b"SQLite format 3\0"
JOURNALS = ("-journal", "-wal", "-shm")


def is_database(path):
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def frozen(path, folder):
    """Copies a database into the folder, and checks that the copy is whole."""
    copy = os.path.join(folder, "copy.sqlite")
    if os.path.exists(copy):
        os.remove(copy)
    source = sqlite3.connect(path, timeout=30)
    target = sqlite3.connect(copy)
    source.backup(target)
    # As one file, also where the server keeps a log beside it.
    target.execute("PRAGMA journal_mode=DELETE")
    (verdict,) = target.execute("PRAGMA integrity_check").fetchone()
    source.close()
    target.close()
    if verdict != "ok":
        sys.exit("snapshot: %s is damaged: %s" % (path, verdict))
    return copy


def copied(path, folder):
    """Copies a file, which may grow or shrink meanwhile: a tar must know its size before."""
    return shutil.copyfile(path, os.path.join(folder, "copy"))


def main(root):
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(
        fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT
    ) as tar:
        for folder, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(folders + files):
                path = os.path.join(folder, name)
                try:
                    info = tar.gettarinfo(path, os.path.relpath(path, root))
                except FileNotFoundError:
                    # A server that runs has just removed it.
                    continue
                # A socket is nothing to keep.
                if info is None:
                    continue
                if not info.isreg():
                    tar.addfile(info)
                    continue
                database = is_database(path)
                beside = [path[: -len(j)] for j in JOURNALS if path.endswith(j)]
                if beside and os.path.exists(beside[0]) and is_database(beside[0]):
                    continue
                copy = frozen(path, scratch) if database else copied(path, scratch)
                with open(copy, "rb") as file:
                    info.size = os.fstat(file.fileno()).st_size
                    tar.addfile(info, file)


if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
    sys.exit("usage: snapshot.py FOLDER")
main(sys.argv[1])
