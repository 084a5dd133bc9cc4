"""A registry on loopback, with as much of the OCI distribution specification as the Docker engine pushes and pulls by.

The engine takes a registry on 127.0.0.0/8 without TLS. What is stored is what goes over the wire, so a layer's length
is its compressed size.
"""

import hashlib
import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Registry:
    def __init__(self):
        registry = self
        self.blobs, self.manifests, self.uploads = {}, {}, {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path == "/v2/":
                    return self.answer(200)
                kind, _, reference = self.parse()
                found = (registry.manifests if kind == "manifests" else registry.blobs).get(reference)
                if found is None:
                    return self.answer(404, b'{"errors":[{"code":"NOT_FOUND"}]}')
                content, media_type = found
                self.answer(
                    200, content, {"Content-Type": media_type, "Docker-Content-Digest": digest(content)}
                )

            do_HEAD = do_GET

            def do_POST(self):
                upload = str(uuid.uuid4())
                registry.uploads[upload] = b""
                self.accepted(upload)

            def do_PATCH(self):
                upload = self.path.rsplit("/", 1)[-1]
                registry.uploads[upload] += self.body()
                self.accepted(upload)

            def do_PUT(self):
                kind, name, reference = self.parse()
                if kind == "manifests":
                    content = self.body()
                    stored = content, self.headers["Content-Type"]
                    registry.manifests[digest(content)] = stored
                    registry.manifests[f"{name}:{reference}"] = stored
                else:
                    upload = reference.split("?")[0].rsplit("/", 1)[-1]
                    content = registry.uploads.pop(upload) + self.body()
                    registry.blobs[digest(content)] = content, "application/octet-stream"
                self.answer(201, b"", {"Docker-Content-Digest": digest(content)})

            def parse(self):
                """The kind, the repository and the key of what is asked for."""
                name, kind, reference = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(.+)", self.path).groups()
                if self.command != "PUT" and kind == "manifests" and not reference.startswith("sha256:"):
                    reference = f"{name}:{reference}"
                return kind, name, reference

            def accepted(self, upload):
                name = re.match(r"/v2/(.+)/blobs/", self.path)[1]
                last = max(len(registry.uploads[upload]) - 1, 0)
                self.answer(
                    202, b"", {"Location": f"/v2/{name}/blobs/uploads/{upload}", "Range": f"0-{last}"}
                )

            def body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                chunks = []
                while length := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(length))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def answer(self, status, content=b"", headers={}):
                self.send_response(status)
                for name, value in ({"Docker-Distribution-Api-Version": "registry/2.0"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def manifest(self, image):
        """The manifest of `repository:tag` or of a digest, as it was pushed."""
        return json.loads(self.manifests[image][0])


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()
