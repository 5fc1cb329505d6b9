"""Azure Key Vault's REST API on this machine, behind a proxy that answers for every vault of the public cloud."""

import base64
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

from flows.configuration.environment import add_prefect_variables, environment

DOMAIN = "vault.azure.net"


@dataclass
class Vaults:
    """Secrets by vault and name, what was asked for, and how to refuse."""

    secrets: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Value and version."""
    asked: list[str] = field(default_factory=list)
    """VAULT/NAME of each read that came with a token."""
    tokens: set[str] = field(default_factory=set)
    challenged: int = 0
    answers: list[tuple[int, dict, dict]] = field(default_factory=list)
    """Status, body and headers to answer with first; the last one stays."""
    gate: threading.Barrier | None = None
    """Where readers wait for each other."""
    resource: str = f"https://{DOMAIN}"

    def set(self, name: str, value: str, version: str) -> None:
        vault, _, secret = name.partition("/")
        self.secrets[vault, secret] = (value, version)

    def refuse(self, status: int, code: str = "", inner: str = "", times: int = 1, **headers: str) -> None:
        error = {"code": code, "message": "Caller x was refused.", "innererror": {"code": inner}}
        self.answers += [(status, {"error": error}, headers)] * times

    def answer(self, vault: str, path: str, authorization: str) -> tuple[int, dict, dict]:
        if self._audience(authorization) != f"https://{DOMAIN}":
            self.challenged += 1
            where = f'Bearer authorization="https://login.microsoftonline.com/tenant", resource="{self.resource}"'
            return 401, {"error": {"code": "Unauthorized"}}, {"WWW-Authenticate": where}
        self.tokens.add(authorization)
        name = path.split("/")[2]
        self.asked.append(f"{vault}/{name}")
        if self.gate:
            self.gate.wait(30)
        if self.answers:
            return self.answers.pop(0)
        if (vault, name) not in self.secrets:
            return 404, {"error": {"code": "SecretNotFound", "message": f"{name} was not found."}}, {}
        value, version = self.secrets[vault, name]
        return 200, {"value": value, "id": f"https://{vault}.{DOMAIN}/secrets/{name}/{version}", "attributes": {}}, {}

    @staticmethod
    def _audience(authorization: str) -> str | None:
        parts = authorization.split(".")
        return json.loads(base64.urlsafe_b64decode(parts[1] + "==")).get("aud") if len(parts) == 3 else None


class _Door(BaseHTTPRequestHandler):
    """Takes CONNECT: answers itself for vaults, and passes on what is meant for this machine."""

    protocol_version = "HTTP/1.1"
    vaults: Vaults
    context: ssl.SSLContext

    def do_CONNECT(self):
        host, _, port = self.path.rpartition(":")
        vault = host.removesuffix(f".{DOMAIN}")
        if vault == host and host != "localhost":
            self.send_error(502, "no such host")
            return
        self.send_response(200)
        self.end_headers()
        if vault == host:
            self._pass_on(int(port))
            return
        self.vault = vault
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_GET(self):
        status, body, headers = self.vaults.answer(self.vault, self.path, self.headers.get("Authorization", ""))
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(content)}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)

    def finish(self):
        super().finish()
        self.connection.close()

    def _pass_on(self, port):
        self.close_connection = True
        with socket.create_connection(("localhost", port)) as target:
            back = threading.Thread(target=_pump, args=(target, self.connection))
            back.start()
            _pump(self.connection, target)
            back.join()

    def log_message(self, *_):
        """Nothing."""


def _pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is no failure of the vault."""


@contextmanager
def key_vaults(directory):
    """Serve vaults to whoever uses the environment's proxy and CA file; the CA trusted so far stays trusted."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(f"*.{DOMAIN}").configure_cert(context)
    trusted = directory / "trusted.pem"
    before = environment().get("SSL_CERT_FILE")
    with trusted.open("wb") as file:
        file.write(authority.cert_pem.bytes())
        if before:
            file.write(Path(before).read_bytes())
    vaults = Vaults()
    server = _Quiet(("127.0.0.1", 0), type("Door", (_Door,), {"vaults": vaults, "context": context}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    proxy = f"http://127.0.0.1:{server.server_port}"
    try:
        with add_prefect_variables({"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(trusted)}):
            yield vaults
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
