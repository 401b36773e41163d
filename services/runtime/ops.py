"""`/metrics`, `/livez`, `/readyz`: served from a thread, so that they answer while the event loop is stuck."""

import threading
from collections.abc import Callable, Container
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET, AF_INET6, socket
from typing import Any

from services.runtime import log, metrics, readiness
from services.runtime.config import host_port

REQUESTS = 8
"""Requests answered at once; a scraper and two probes need three. Others are cut off."""

REQUEST_SECONDS = 5

TEXT = "text/plain; charset=utf-8"


class OpsServer:
    """The operations page of one process, or of all whose files lie in `run_folder`."""

    def __init__(self, listen: str, run_folder: Path, beside: Container[int] = ()) -> None:
        """Of processes `beside` it is not asked whether they are ready."""
        self._host, self._port = host_port(listen)
        self._folder = run_folder
        self._beside = beside
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also where the setting said 0."""
        return self._server.server_port if self._server is not None else self._port

    def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""
        self._server = _Server(self._host, self._port, self._folder, self._beside)
        threading.Thread(target=self._server.serve_forever, name="ops", daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = REQUESTS

    def __init__(self, host: str, port: int, folder: Path, beside: Container[int]) -> None:
        self.folder = folder
        self.beside = beside
        self.address_family = AF_INET6 if ":" in host else AF_INET
        self._places = threading.BoundedSemaphore(REQUESTS)
        super().__init__((host, port), _Request)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        log.ops_failed(str(client_address))


class _Request(BaseHTTPRequestHandler):
    timeout = REQUEST_SECONDS
    server: _Server
    server_version = "saraban"
    sys_version = ""

    def do_GET(self) -> None:
        pages: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/metrics": self._metrics,
            "/livez": lambda: _lines(readiness.stuck(self.server.folder), "alive"),
            "/readyz": lambda: _lines(readiness.not_ready(self.server.folder, self.server.beside), "ready"),
        }
        page = pages.get(self.path.partition("?")[0])
        status, kind, body = page() if page is not None else (404, TEXT, b"there are /metrics, /livez and /readyz\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

    def _metrics(self) -> tuple[int, str, bytes]:
        return 200, metrics.CONTENT_TYPE, metrics.page()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server gives it
        """A probe every few seconds is no news."""


def _lines(wrong: list[str], fine: str) -> tuple[int, str, bytes]:
    return (503 if wrong else 200), TEXT, ("\n".join(wrong or [fine]) + "\n").encode()
