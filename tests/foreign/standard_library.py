"""Echo servers on Python's standard library, most of them as it brings them along: standard_library.py KIND."""

import asyncio
import ctypes
import os
import select
import socket
import socketserver
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = ("127.0.0.1", 0)


def announce(listener):
    host, port = listener.getsockname()
    print(f"listening on {host}:{port}", flush=True)


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class EchoWithTimeout(Echo):
    timeout = 60  # waits in poll, and then in recv


def serve_by(kind, handler=Echo):
    with kind(HERE, handler) as server:
        announce(server.socket)
        server.serve_forever()


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def tasks():
    server = await asyncio.start_server(echo, *HERE)
    announce(server.sockets[0])
    await server.serve_forever()


def tasks_beside_a_ring():
    """Whether the ring serves, and tells epoll of it, nobody sees who looks from outside."""
    io_uring_setup = 425
    ctypes.CDLL(None).syscall(io_uring_setup, 8, ctypes.create_string_buffer(120))
    asyncio.run(tasks())


def talk(connection, timeout=None):
    with connection:
        connection.settimeout(timeout)
        while data := connection.recv(4096):
            connection.sendall(data)


def pool_of_three(timeout=None):
    with socket.create_server(HERE) as listener, ThreadPoolExecutor(3) as workers:
        announce(listener)
        while True:
            workers.submit(talk, listener.accept()[0], timeout)


def talk_until_told(listener, stop):
    """A worker that accepts for itself, and waits for its client and for a pipe that stops it."""
    while True:
        connection, _ = listener.accept()
        with connection:
            while select.select([connection, stop], [], []) and (data := connection.recv(4096)):
                connection.sendall(data)


def pool_with_a_stop_pipe():
    stop, _ = os.pipe()
    with socket.create_server(HERE) as listener, ThreadPoolExecutor(3) as workers:
        announce(listener)
        for _ in range(3):
            workers.submit(talk_until_told, listener, stop)


def fork_twice():
    """The process that serves is a grandchild, so that nobody needs to wait for it."""
    with socket.create_server(HERE) as listener:
        announce(listener)
        while True:
            connection, _ = listener.accept()
            child = os.fork()
            if child == 0:
                if os.fork() == 0:
                    listener.close()
                    talk(connection)
                os._exit(0)
            os.waitpid(child, 0)
            connection.close()


KINDS = {
    "plain": lambda: serve_by(socketserver.TCPServer),
    "threading": lambda: serve_by(socketserver.ThreadingTCPServer),
    "forking": lambda: serve_by(socketserver.ForkingTCPServer),
    "asyncio": lambda: asyncio.run(tasks()),
    "asyncio, beside a ring": tasks_beside_a_ring,
    "concurrent.futures": pool_of_three,
    "plain, with a timeout": lambda: serve_by(socketserver.TCPServer, EchoWithTimeout),
    "pool, with a stop pipe": pool_with_a_stop_pipe,
    "fork, twice": fork_twice,
    "concurrent.futures, with a timeout": lambda: pool_of_three(60),
}

KINDS[sys.argv[1]]()
