"""The tenant as a server: TLS on localhost, in its own thread."""

import asyncio
import os
import shlex
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
import uvicorn

from graph_emulator.http.asgi import AsgiApp, TransportProtocol
from graph_emulator.settings import EmulatorError, EmulatorSettings
from graph_emulator.wire.problems import Request, Response

START_SECONDS = 15.0
STOP_SECONDS = 1.0  # a request with a long latency is cut off


class _Server(uvicorn.Server):
    """Uvicorn's server, but stopped immediately: the original polls every tenth of a second, and then waits another."""

    _ticks: "asyncio.Task[None] | None" = None

    def stop(self) -> None:
        """Stop serving; may be called from any thread."""
        self.should_exit = True
        if (ticks := self._ticks) is not None:
            with suppress(RuntimeError):  # its loop has ended
                ticks.get_loop().call_soon_threadsafe(ticks.cancel)

    async def main_loop(self) -> None:
        """Run uvicorn's main loop until `stop` is called."""
        # Uvicorn looks at should_exit ten times a second; its loop is cancelled, so that tests do not wait for it.
        self._ticks = asyncio.create_task(super().main_loop())
        await asyncio.wait({self._ticks})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listeners; responses in progress have a second to complete."""
        for listener in [*self.servers, *(sockets or ())]:
            listener.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        deadline = time.monotonic() + STOP_SECONDS
        while (state.connections or state.tasks) and time.monotonic() < deadline:  # noqa: ASYNC110 - uvicorn sets no event
            await asyncio.sleep(0.002)
        for task in state.tasks:
            task.cancel()


class Served:
    """An emulator that listens between `__enter__` and `__exit__`."""

    def __init__(
        self,
        handle: Callable[[Request], Response],
        settings: EmulatorSettings,
        port: int = 0,
        directory: Path | None = None,
        others: Sequence[EmulatorSettings] = (),
    ) -> None:
        self._handle = handle
        self._settings = settings
        self._others = others
        self._wanted_port = port
        self._wanted_directory = directory
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.directory = directory or Path()

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._socket is None:
            raise EmulatorError("the emulator is not being served; enter it with `with emulator.serve() as served:`")
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """The root of both Graph and sign-in."""
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate authority to trust."""
        return self.directory / "ca.pem"

    @property
    def environment(self) -> dict[str, str]:
        """The environment that points a client at this tenant."""
        ca_file, others = str(self.ca_file.resolve()), dict[str, str]()
        for settings in reversed(self._others):  # of two with one name, the first one keeps it
            others |= self._sign_in(settings, f"{settings.variable_prefix}_")
        return {
            **self._sign_in(self._settings),
            **others,
            "ENTRA_FLEET_GRAPH_URL": self.url,
            "SSL_CERT_FILE": ca_file,
            "REQUESTS_CA_BUNDLE": ca_file,  # for tools on requests, such as the Azure CLI
        }

    def _sign_in(self, settings: EmulatorSettings, prefix: str = "") -> dict[str, str]:
        return {
            f"{prefix}AZURE_TENANT_ID": settings.tenant_id,
            f"{prefix}AZURE_CLIENT_ID": settings.client_id,
            f"{prefix}AZURE_CLIENT_SECRET": settings.client_secret,
            f"{prefix}AZURE_AUTHORITY_HOST": self.url,
        }

    def __enter__(self) -> Self:
        """Listen.

        Raises:
            EmulatorError: the port is taken or the directory cannot be written.
        """
        try:
            self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _open(self) -> None:
        if self._wanted_directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="graph-emulator-")
            self.directory = Path(self._temporary.name)
        self._socket = _listen(self._wanted_port)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            context = self._certify()
        except OSError as error:
            raise EmulatorError(f"cannot write to {self.directory}: {error.strerror or error}") from error
        self._start(context)
        try:
            _write_private(self.directory / "env.sh", _exports(self.environment))
        except OSError as error:
            raise EmulatorError(f"cannot write to {self.directory}: {error.strerror or error}") from error

    def _certify(self) -> ssl.SSLContext:
        authority = trustme.CA(organization_name="graph emulator")  # a new one each time: its key is never written
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # as Graph
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(str(self.ca_file))
        return context

    def _start(self, context: ssl.SSLContext) -> None:
        app = AsgiApp(self._handle, self.url, self._settings.body_limit_bytes)
        config = uvicorn.Config(
            app,
            http=TransportProtocol,
            # The tenant has no web sockets.
            ws="none",
            lifespan="off",
            log_config=None,
            # Uvicorn would log every deliberate reset as an error.
            log_level="critical",
            access_log=False,
            server_header=False,
            ssl_context_factory=lambda _config, _default: context,
        )
        server = self._server = _Server(config)
        sockets = [self._socket] if self._socket else []

        def run() -> None:
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(server.serve(sockets=sockets))

        # A daemon: a test that crashes must not keep its process alive.
        self._thread = threading.Thread(target=run, name="graph-emulator", daemon=True)
        self._thread.start()
        pause = threading.Event()
        # Polled, because uvicorn has no event for the end of its start.
        for _ in range(int(START_SECONDS / 0.005)):
            if server.started:
                return
            if not self._thread.is_alive():
                break
            pause.wait(0.005)
        raise EmulatorError("the emulator did not begin to listen")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; open connections have a second to finish."""
        if self._server is not None:
            self._server.stop()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._socket is not None:
            self._socket.close()
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.cleanup()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # The port of a server that has just ended can be reused immediately.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        # A client that opens many connections together must not have to wait for them.
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise EmulatorError(f"cannot listen on port {port}: {reason}; --port 0 takes a free one") from error
    return listener


def _exports(environment: dict[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def _write_private(path: Path, text: str) -> None:
    """Write a file that others can never read, not even for a moment."""
    # A new file: an existing one keeps its mode, which may let others read.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
