"""A proxy that lets nothing through and remembers what was asked of it."""

import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class LoggingProxy:
    """Answers each request with 502."""

    def __init__(self):
        self.asked = asked = []

        class Handler(StreamRequestHandler):
            def handle(self):
                asked.append(self.rfile.readline().decode("latin-1").strip())
                self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def variables(self):
        """The environment of a process that has it for everything, and no machine that it may reach without."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        # In a pipeline Prefect reports nothing, whatever else is said.
        silent = dict.fromkeys(("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "BUILDKITE"), "")
        return {**dict.fromkeys(NAMES, url), "NO_PROXY": "", "no_proxy": "", **silent}

    def close(self):
        self._server.shutdown()
        self._server.server_close()
