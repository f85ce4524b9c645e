"""A load from many machines: each of Locust's users is a client of an echo server, over TCP.

    locust -f locust/locustfile.py --host 127.0.0.1:5555

A user connects, sends messages, compares each answer, says Bye, and comes again. Locust counts
connections and messages, adds up what all its workers have counted, and shows it on its web page.
"""

import contextlib
import itertools
import socket
import time

from locust import User, constant, task

MESSAGES = 10  # of one connection
PATIENCE = 10  # seconds


class Client(User):
    wait_time = constant(0)
    numbers = itertools.count(1)

    @contextlib.contextmanager
    def counted(self, what, size=0):
        """Tells Locust how long this took, and what went wrong."""
        begin, failure = time.perf_counter(), None
        try:
            yield
        except (OSError, ValueError) as error:
            failure = error
        self.environment.events.request.fire(
            request_type="TCP", name=what, response_time=(time.perf_counter() - begin) * 1000,
            response_length=size, exception=failure, context={})
        if failure:
            raise failure

    def send(self, connection, answers, message):
        with self.counted("message", len(message)):
            connection.sendall(message)
            answer = answers.readline()
            if answer != message:
                raise ValueError(f"sent {message!r}, received {answer!r}")

    # ANCHOR: converse
    @task
    def converse(self):
        host, port = self.host.rsplit(":", 1)
        with contextlib.suppress(OSError, ValueError):
            with self.counted("connection"):
                connection = socket.create_connection((host, int(port)), PATIENCE)
            with connection, connection.makefile("rb") as answers:
                for number in itertools.islice(self.numbers, MESSAGES):
                    self.send(connection, answers, b"message %d\n" % number)
                connection.sendall(b"Bye\n")
                answers.read()
    # ANCHOR_END: converse
