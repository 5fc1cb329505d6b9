"""What stands in a token."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_client import StaticTokens, TokenClaims
from tests.graph_client.sign_in.server import jwt


def test_the_claims_are_read():
    token = jwt(tid="t", appid="a", oid="o", roles=["B", "A"])
    assert TokenClaims.of(token) == TokenClaims("t", "a", "o", frozenset({"A", "B"}))


def test_a_version_2_token_names_the_application_azp():
    assert TokenClaims.of(jwt(azp="a")).app_id == "a"


@pytest.mark.parametrize(
    "token",
    ["", "opaque", "a.b.c", "a..c", f"a.{base64.b64encode(b'[1]').decode()}.c", "é.é.é", jwt(tid=5, roles="x")],
)
def test_nothing_is_known_of_another_token(token):
    assert TokenClaims.of(token) == TokenClaims()


@given(st.text() | st.binary().map(lambda b: f"h.{base64.urlsafe_b64encode(b).decode()}.s"))
def test_any_token_is_read(token):
    TokenClaims.of(token)


async def test_a_static_token_stays_and_does_not_show():
    tokens = StaticTokens("s3cret-token")
    assert await tokens.token() == await tokens.renew("s3cret-token") == "s3cret-token"
    assert "s3cret" not in repr(tokens)
