"""When a token ends, as far as it tells."""

import base64
import json
from datetime import UTC, datetime

import pytest

from flows.credentials.token_life import read_expiry
from tests.target.scim import jwt

END = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("end", [int(END.timestamp()), END.timestamp() + 0.5])
def test_a_jwt_says_when_it_ends(end):
    assert read_expiry(jwt(exp=end, sub="someone")) == END


@pytest.mark.parametrize(
    "claims",
    [{}, {"exp": None}, {"exp": "1798858245"}, {"exp": True}, {"exp": 1e300}, {"exp": -1e18}, {"exp": [1]}],
)
def test_a_jwt_that_does_not_say_it(claims):
    assert read_expiry(jwt(**claims)) is None


def part(value):
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b.c",
        "two.parts",
        f"{part({'typ': 'x'})}.{part({'exp': 1})}.c",
        f"{part({'alg': 'x'})}.{part([1])}.c",
        f"{part({'alg': 'x'})}.{part(bytes([255]))}.c",
        f"{part({'alg': 'x'})}.é.c",
        f"{part({'alg': 'x'})}..",
        "." * 1000,
        f"{part(b'[' * 100_000)}.{part({'exp': 1})}.c",
    ],
)
def test_what_is_no_jwt_says_nothing(token):
    assert read_expiry(token) is None
