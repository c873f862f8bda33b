"""An HTTP server on loopback that serves bytes, honours Range and If-Range, and misbehaves when told to."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """`files` by path. What goes wrong is set by the attributes; `asked` collects (path, Range, If-Range)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []
        #: Sent as ETag; None sends none.
        self.etag: str | None = '"one"'
        self.modified: str | None = None
        #: Path -> the statuses that the next requests for it get instead.
        self.statuses: dict[str, list[int]] = {}
        #: The next bodies end after so many bytes, the connection with them.
        self.cuts: list[int] = []
        self.ignore_range = False
        #: Answer a Range with a part that begins elsewhere.
        self.wrong_part = False
        self.send_length = True
        #: Seconds between blocks of 64 KiB.
        self.delay = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        server, name = self.server, self.path.lstrip("/")
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        server.asked.append((name, wanted, condition))
        if server.statuses.get(name):
            self._empty(server.statuses[name].pop(0))
            return
        if name not in server.files:
            self._empty(404)
            return
        content, start = server.files[name], 0
        same = condition is None or condition in (server.etag, server.modified)
        if wanted and same and not server.ignore_range:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self._empty(416)
                return
            start -= server.wrong_part
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.etag is not None:
            self.send_header("ETag", server.etag)
        if server.modified is not None:
            self.send_header("Last-Modified", server.modified)
        if server.send_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if server.cuts:
            body = body[: server.cuts.pop(0)]
        for place in range(0, len(body), 1 << 16):
            try:
                self.wfile.write(body[place : place + (1 << 16)])
            except (BrokenPipeError, ConnectionResetError):
                return
            time.sleep(server.delay)

    def _empty(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@contextmanager
def serving() -> Iterator[FileServer]:
    """A server for the length of a block."""
    with FileServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
