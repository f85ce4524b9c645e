"""The server of the Python tutorial that this project grew from, but for its port: tutorial.py PORT."""

import socket
import sys
import threading
import time


def echo(connection):
    print("new connection:", connection.getpeername())
    while True:
        received = connection.recv(1024)
        text = received.decode(encoding="utf-8")
        print("received from the client:", text)
        if text == "Bye":
            connection.close()
            return
        else:
            time.sleep(1)
            connection.send(text.encode(encoding="utf-8"))


def main():
    listener = socket.socket()
    listener.bind(("", int(sys.argv[1])))
    listener.listen(5)
    print("waiting for clients ...")
    while True:
        connection, address = listener.accept()
        try:
            thread = threading.Thread(target=echo, args=(connection,))
            thread.start()
        except Exception as error:
            print(error)


if __name__ == "__main__":
    main()
