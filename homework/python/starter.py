"""The homework, begun: starter.py PORT serves one client after the other, and the first that resets its
connection ends it."""

import socket
import sys

with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        client, _ = listener.accept()
        with client:
            while data := client.recv(4096):
                client.sendall(data)
