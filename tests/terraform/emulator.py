"""The emulator that the table is played on, and a proxy before it that can cut a client off at any call."""

import http.client
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Emulator:
    """ministack, in a process of its own: its rollouts complete at once, as moto's never do."""

    def __init__(self, folder):
        folder.mkdir()
        log = open(folder / "log", "w")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            # With a Docker daemon it would pull the images and run them.
            "DOCKER_HOST": f"unix://{folder}/no-docker",
            "HOME": str(folder),
            "TMPDIR": str(folder),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "ministack"],
            cwd=folder,
            env=os.environ | settings,
            stdout=log,
            stderr=log,
        )
        self.await_start()

    def await_start(self):
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the emulator did not start; look at its log")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Cut:
    """Kills the client at its `at`th call, the first being 1: `before` the emulator gets it, or when it has. `call` is
    then what was called."""

    def __init__(self, at, before):
        self.at, self.before, self.call = at, before, None
        self.numbers = itertools.count(1)

    def begins(self, operation, client):
        """A call comes; whether it is not to be handed on."""
        number = next(self.numbers)
        if self.before and number == self.at:
            self.kill(operation, client)
        return number, self.before and self.call is not None

    def ended(self, number, operation, client):
        """The emulator has answered it."""
        if not self.before and number == self.at:
            self.kill(operation, client)

    def kill(self, operation, client):
        self.call = operation
        client.send_signal(signal.SIGKILL)


class CutAt(Cut):
    """Kills the client when the emulator has got its first call of `operation`."""

    def __init__(self, operation):
        super().__init__(at=None, before=False)
        self.operation = operation

    def ended(self, number, operation, client):
        if operation == self.operation and self.call is None:
            self.kill(operation, client)


class Deny:
    """Answers `operation` with an error in the place of the emulator."""

    def __init__(self, operation):
        self.operation = operation


class Proxy:
    """Hands on what a client asks the emulator; `fault` is what is to go wrong and `client` the process that asks."""

    def __init__(self, emulator):
        proxy = self
        self.client = self.fault = None

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def hand_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                operation = self.headers.get("X-Amz-Target", f"{self.command} {self.path}").rsplit(".", 1)[-1]
                fault = proxy.fault
                if isinstance(fault, Deny) and fault.operation == operation:
                    return self.answer(
                        400, {}, b'{"__type":"ClientException","message":"denied by the test"}'
                    )
                if isinstance(fault, Cut):
                    number, is_cut = fault.begins(operation, proxy.client)
                    if is_cut:
                        self.close_connection = True
                        return
                connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=60)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                if isinstance(fault, Cut):
                    fault.ended(number, operation, proxy.client)
                try:
                    self.answer(answer.status, dict(answer.getheaders()), content)
                except ConnectionError:
                    self.close_connection = True

            def answer(self, status, headers, content):
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in (
                        "connection",
                        "content-length",
                        "transfer-encoding",
                        "date",
                        "server",
                    ):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = hand_on

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                # A client that was killed, or that has gone when the emulator is stopped.
                if not isinstance(sys.exc_info()[1], ConnectionError):
                    super().handle_error(request, client_address)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def run(self, command, fault=None, **options):
        """The status and the standard output of a command that calls the emulator by way of this proxy."""
        environment = os.environ | options.pop("env", {}) | {"AWS_ENDPOINT_URL": self.url}
        self.fault = fault
        self.client = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )
        try:
            out, err = self.client.communicate(timeout=120)
        finally:
            self.client.kill()
            self.fault = None
        return self.client.returncode, out, err
