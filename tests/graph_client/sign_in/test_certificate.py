"""A certificate is checked before anything is sent."""

from datetime import timedelta

import jwt
import pytest
from cryptography import x509

from graph_client import Certificate, MsalTokens, errors
from tests.graph_client.doubles import SETTINGS, FakeTime
from tests.graph_client.sign_in.certificates import NOW, certificate_of, elliptic_key, key_of, pem_of
from tests.graph_client.sign_in.server import CLIENT, TENANT, SignInServer

PASSWORD = "p4ss-wörd"
KEY = key_of("fleet")
OTHER = certificate_of(key_of("other"))


def tokens_of(server, path, password=None):
    method = Certificate(client_id=CLIENT, path=path, password=password)
    assert PASSWORD not in repr(method)
    time = FakeTime()
    return MsalTokens(SETTINGS, TENANT, method, transport=server.transport, sleep=time.sleep, clock=time.clock)


@pytest.mark.parametrize("password", [None, PASSWORD])
@pytest.mark.parametrize("order", ["key first", "certificate first", "chain"])
async def test_the_certificate_signs_the_assertion(tmp_path, password, order):
    path, certificate = tmp_path / "fleet.pem", certificate_of(KEY)
    parts = {
        "key first": pem_of(KEY, password) + certificate,
        "certificate first": certificate + pem_of(KEY, password),
        "chain": OTHER + certificate + pem_of(KEY, password),
    }
    path.write_bytes(parts[order])
    server = SignInServer()
    assert await tokens_of(server, path, password).token()
    (form,) = server.forms
    assertion = form["client_assertion"]
    public = x509.load_pem_x509_certificate(certificate).public_key()
    audience = f"{server.authority}/{TENANT}/oauth2/v2.0/token"
    claims = jwt.decode(assertion, public, algorithms=["PS256"], audience=audience)
    assert (claims["iss"], claims["sub"]) == (CLIENT, CLIENT)
    assert "client_secret" not in form


async def test_a_password_that_is_not_needed_does_no_harm(tmp_path):
    path = tmp_path / "fleet.pem"
    path.write_bytes(pem_of(KEY) + certificate_of(KEY))
    assert await tokens_of(SignInServer(), path, PASSWORD).token()


BAD = {
    "expired": (
        pem_of(KEY) + certificate_of(KEY, NOW - timedelta(days=9), NOW - timedelta(days=2)),
        None,
        f"expired on {NOW - timedelta(days=2):%Y-%m-%d}",
    ),
    "not yet valid": (
        pem_of(KEY) + certificate_of(KEY, NOW + timedelta(days=2), NOW + timedelta(days=9)),
        None,
        "not valid before",
    ),
    "wrong password": (pem_of(KEY, PASSWORD) + certificate_of(KEY), "wrong", "cannot be opened with this password"),
    "no password": (pem_of(KEY, PASSWORD) + certificate_of(KEY), None, "give its password"),
    "no key": (certificate_of(KEY), None, "cannot be opened"),
    "no certificate": (pem_of(KEY), None, "holds no certificate"),
    "another key": (pem_of(KEY) + OTHER, None, "a key of another certificate"),
    "elliptic": (pem_of(elliptic_key()) + certificate_of(elliptic_key()), None, "not an RSA key"),
    "empty": (b"", None, "cannot be opened"),
    "rubbish": (b"\x00\x01\xff" * 100, None, "cannot be opened"),
    "broken certificate": (
        pem_of(KEY) + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        None,
        "holds no certificate",
    ),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
async def test_what_cannot_work_is_told_before_anything_is_sent(tmp_path, case):
    content, password, expected = case
    path = tmp_path / "fleet.pem"
    path.write_bytes(content)
    server = SignInServer()
    with pytest.raises(errors.AuthFailed) as caught:
        await tokens_of(server, path, password).token()
    text = str(caught.value)
    assert expected in text
    assert str(path) in text
    assert 2 <= len(text.splitlines()) <= 3
    assert "PRIVATE" not in text
    assert not caught.value.transient
    assert server.requests == []


@pytest.mark.parametrize("name", ["missing.pem", "."])
async def test_a_file_that_cannot_be_read_is_told(tmp_path, name):
    server = SignInServer()
    with pytest.raises(errors.AuthFailed, match="cannot be read"):
        await tokens_of(server, tmp_path / name).token()
    assert server.requests == []


async def test_a_new_certificate_in_the_file_is_taken_at_the_next_sign_in(tmp_path):
    path, server = tmp_path / "fleet.pem", SignInServer()
    path.write_bytes(pem_of(KEY) + certificate_of(KEY))
    tokens = tokens_of(server, path)
    rejected = await tokens.token()
    path.write_bytes(pem_of(key_of("new")) + certificate_of(key_of("new")))
    await tokens.renew(rejected)
    ids = [jwt.get_unverified_header(form["client_assertion"])["x5t#S256"] for form in server.forms]
    assert ids[0] != ids[1]
