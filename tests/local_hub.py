"""A stand-in for the Hugging Face Hub on this machine's loopback, with faults to order."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "0123456789abcdef0123456789abcdef01234567"


class LocalHub:
    """Serves files as the hub does: HEAD with size, etag and commit, GET with ranges.

    files : "repository/path" -> bytes. requests : (method, name, range) of each, in order.
    fault : called before a GET's answer with its number (0, 1, …); what it returns decides:
    None serves, an int sends so many bytes and cuts the connection, a str is an HTTP status.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.fault: Callable[[int], int | str | None] = lambda _: None
        self.delay = 0.0  # seconds before a body
        self.url = ""

    def gets(self) -> list[str]:
        """The ranges asked for of files, "" for a whole one; other questions are not counted."""
        return [
            wanted
            for method, name, wanted in self.requests
            if method == "GET" and not name.startswith("/")
        ]


@contextmanager
def serve() -> Iterator[LocalHub]:
    hub = LocalHub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            name, _, rest = self.path.lstrip("/").partition("/resolve/")
            revision, _, path = rest.partition("/")
            wanted = self.headers.get("Range") or ""
            content = hub.files.get(f"{name}/{path}")
            fault = hub.fault(len(hub.gets())) if body else None
            hub.requests.append((self.command, path or self.path, wanted))
            if content is None or revision != REVISION:
                self.send_error(404)
                return
            if isinstance(fault, str):
                self.send_error(int(fault))
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", REVISION)
            self.send_header("Content-Length", str(len(content) - start))
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.end_headers()
            if body:
                time.sleep(hub.delay)
                stop = len(content) if fault is None else start + fault
                self.wfile.write(content[start:stop])
            if fault is not None:
                self.close_connection = True

        def log_message(self, *_args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
