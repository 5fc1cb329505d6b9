"""Both doors over real TLS: the settings decide what is trusted, and no variable of the environment does."""

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from graph_client import ClientSecret, GraphClient, GraphSettings, MsalTokens, errors
from tests.graph_client.doubles import FakeTime
from tests.graph_client.sign_in.server import CLIENT, TENANT, SignInServer


class Handler(BaseHTTPRequestHandler):
    """Graph and the sign-in service on one port."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/v1.0/applications"):
            authorized = self.headers["Authorization"].startswith("Bearer ey")
            self.reply(200 if authorized else 401, json.dumps({"id": "1"}).encode())
        else:
            self.reply(200, json.dumps(self.sign_in().configuration(TENANT)).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        token = {"access_token": "eyJ.x.y", "expires_in": 3600, "token_type": "Bearer"}
        self.reply(200, json.dumps(token).encode())

    def sign_in(self):
        return SignInServer(authority=f"https://localhost:{self.server.server_port}")

    def reply(self, status, content):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Be quiet."""


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that trusts somebody else hangs up during the handshake."""


@contextmanager
def serving(authority):
    server = QuietServer(("localhost", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def url(authority):
    with serving(authority) as served:
        yield served


@pytest.fixture
def ca_file(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


async def read_one(url, ca_file):
    time = FakeTime()
    settings = GraphSettings(graph_url=url, authority=url, ca_file=ca_file)
    method = ClientSecret(client_id=CLIENT, client_secret="s")
    tokens = MsalTokens(settings, TENANT, method, sleep=time.sleep, clock=time.clock)
    async with GraphClient(settings, tokens, sleep=time.sleep, clock=time.clock) as graph:
        return await graph.applications.get("1")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY"])
async def test_the_ca_file_of_the_settings_is_trusted_whatever_the_environment_says(
    url, ca_file, variable, monkeypatch, tmp_path
):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv(variable, "http://127.0.0.1:9" if variable == "HTTPS_PROXY" else str(other))
    assert (await read_one(url, ca_file)).id == "1"


async def test_another_authority_is_not_trusted(url, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with pytest.raises(errors.AuthFailed) as caught:
        await read_one(url, other)
    assert "ca_file" in caught.value.hint
    assert not caught.value.transient


async def test_a_ca_file_that_is_missing_is_told_without_a_request(url, tmp_path):
    with pytest.raises(errors.BadSettings):
        await read_one(url, tmp_path / "missing.pem")
