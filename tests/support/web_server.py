"""A server of files on this machine, for tests of downloads: nothing leaves it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

CHANGED = "Wed, 21 Oct 2015 07:28:00 GMT"


@dataclass
class WebServer:
    """What is served by path, how, and what was asked for.

    ranges: whether parts are sent; cut: after how many bytes of an answer the connection ends;
    changed: Last-Modified of all files.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cut: int | None = None
    changed: str | None = CHANGED
    address: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Range) of each request."""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers["Range"]
        self.asked.append((request.path, wanted))
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        same = request.headers["If-Range"] in (None, self.changed)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        if self.ranges and wanted and same:
            if start >= len(content):
                request.send_error(416)
                return
            request.send_response(206)
            end = f"{len(content) - 1}/{len(content)}"
            request.send_header("Content-Range", f"bytes {start}-{end}")
            content = content[start:]
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        if self.changed is not None:
            request.send_header("Last-Modified", self.changed)
        request.end_headers()
        request.wfile.write(content[: self.cut])


@contextmanager
def serving(**files: bytes) -> Iterator[WebServer]:
    """Serve these files, each under /NAME."""
    served = WebServer({f"/{name}": content for name, content in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            served.answer(self)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
