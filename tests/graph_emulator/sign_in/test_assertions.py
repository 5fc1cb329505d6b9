import base64
import datetime
import json

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from graph_emulator import FederatedCredential

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TRUSTED = FederatedCredential("https://issuer.example", "repo:contoso/fleet:ref:refs/heads/main")


def make_certificate():
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fleet")])
    now = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


@pytest.fixture(scope="module")
def pair():
    return make_certificate()


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def signed(wire, key, certificate, algorithm="PS256", **changes):
    settings, now = wire.emulator.settings, wire.emulator.clock.now()
    root = str(wire.client.base_url).rstrip("/")
    claims = {
        "aud": f"{root}/{settings.tenant_id}/oauth2/v2.0/token",
        "iss": settings.client_id,
        "sub": settings.client_id,
        "exp": now + 300,
        "nbf": now,
        **changes,
    }
    thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")
    return jwt.encode(claims, key, algorithm=algorithm, headers={"x5t#S256": thumbprint})


async def offer(wire, assertion):
    answer = await wire.sign_in(client_secret="", client_assertion=assertion, client_assertion_type=KIND)
    return answer.status_code, answer.json().get("error_codes")


@pytest.mark.parametrize("algorithm", ["PS256", "RS256"])
async def test_a_registered_certificate_signs_in(open_tenant, pair, algorithm):
    wire = await open_tenant(sign_in=False, certificates=(pem(pair[1]),))
    assert await offer(wire, signed(wire, *pair, algorithm)) == (200, None)


async def test_an_unregistered_certificate_does_not(open_tenant, pair):
    other = make_certificate()
    wire = await open_tenant(sign_in=False, certificates=(pem(other[1]),))
    assert await offer(wire, signed(wire, *pair)) == (401, [700027])
    # The thumbprint of the registered one does not help without its key.
    assert await offer(wire, signed(wire, pair[0], other[1])) == (401, [700027])


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"exp": 0}, 700024),
        ({"aud": "https://elsewhere.example/token"}, 700023),
        ({"sub": "somebody else"}, 700021),
    ],
)
async def test_an_assertion_is_checked(open_tenant, pair, changes, number):
    wire = await open_tenant(sign_in=False, certificates=(pem(pair[1]),))
    assert await offer(wire, signed(wire, *pair, **changes)) == (401, [number])


def outside(wire, **changes):
    claims = {
        "iss": TRUSTED.issuer,
        "sub": TRUSTED.subject,
        "aud": TRUSTED.audience,
        "exp": wire.emulator.clock.now() + 300,
        **changes,
    }
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


async def test_a_trusted_outside_identity_signs_in(open_tenant):
    wire = await open_tenant(sign_in=False, federated=(TRUSTED,))
    assert await offer(wire, outside(wire)) == (200, None)


@pytest.mark.parametrize("changes", [{"sub": "repo:evil/fork"}, {"aud": "elsewhere"}, {"iss": "https://evil.example"}])
async def test_another_outside_identity_does_not(open_tenant, changes):
    wire = await open_tenant(sign_in=False, federated=(TRUSTED,))
    assert await offer(wire, outside(wire, **changes)) == (401, [700213])


async def test_an_expired_outside_assertion_does_not(open_tenant):
    wire = await open_tenant(sign_in=False, federated=(TRUSTED,))
    assertion = outside(wire)
    wire.emulator.controls.advance(601)
    assert await offer(wire, assertion) == (401, [700024])


@pytest.mark.parametrize("assertion", ["x", "a.b.c", "..", base64.urlsafe_b64encode(json.dumps([1]).encode()).decode()])
async def test_nonsense_is_no_assertion(open_tenant, assertion):
    wire = await open_tenant(sign_in=False, federated=(TRUSTED,))
    assert await offer(wire, assertion) == (401, [50027])
