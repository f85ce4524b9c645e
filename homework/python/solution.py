"""The homework, solved: solution.py PORT has a task for each connection."""

import asyncio
import contextlib
import resource
import signal
import socket
import sys

MAX_MESSAGE = 65536  # bytes, the line feed not counted
LINGER = 1  # seconds that a client may take to read of its mistake
DRAIN = 5  # seconds that all clients may take when the server is to end

clients = {}  # the task of each connection, and its socket
ends = asyncio.Event()  # the server is to end


async def converse(reader, writer):
    """Sends each line back, until the client has said all, or Bye, or what is no message."""
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            line = b"" if ends.is_set() else end.partial  # cut off by us, it is no message
        except asyncio.LimitOverrunError:
            return await close(reader, writer, b"ERROR the message is too long\n")
        if not line:
            return
        try:
            text = line.removesuffix(b"\n").decode()
        except UnicodeDecodeError:
            return await close(reader, writer, b"ERROR the message is not UTF-8\n")
        if text.removesuffix("\r") == "Bye":
            return await close(reader, writer, b"")
        writer.write(line)
        await writer.drain()


async def close(reader, writer, last_word):
    """Says a last word, and closes once the client has, so that the word arrives whatever it sends."""
    writer.write(last_word)
    writer.write_eof()
    await asyncio.wait_for(read_to_the_end(reader), LINGER)


async def read_to_the_end(reader):
    while await reader.read(65536):
        pass


async def serve(reader, writer):
    """Sees one connection through: its error ends it and no other."""
    task = asyncio.current_task()
    clients[task] = writer.get_extra_info("socket")
    try:
        await converse(reader, writer)
        writer.close()
        await writer.wait_closed()
    except (OSError, asyncio.TimeoutError):
        pass
    finally:
        writer.close()
        del clients[task]


async def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = await asyncio.start_server(
        serve, "127.0.0.1", int(sys.argv[1]), limit=MAX_MESSAGE, backlog=1024
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ends.set)
    await ends.wait()
    server.close()
    # Each finds the end behind what it has sent: on Linux that can still be read.
    for connection in clients.values():
        with contextlib.suppress(OSError):  # this one has just gone
            connection.shutdown(socket.SHUT_RD)
    if clients:
        await asyncio.wait(set(clients), timeout=DRAIN)


asyncio.run(main())
