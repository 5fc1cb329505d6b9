"""What the tests of signing in share."""

import httpx
import pytest

from graph_client import (
    ClientSecret,
    MsalTokens,
    errors,
)
from tests.graph_client.doubles import SETTINGS, FakeTime
from tests.graph_client.sign_in.server import CLIENT, SECRET, TENANT

BY_SECRET = ClientSecret(client_id=CLIENT, client_secret=SECRET)
TOKEN_PATH = "/oauth2/v2.0/token"
CONFIGURATION_PATH = "/.well-known/openid-configuration"


def tokens_of(server, method=BY_SECRET, time=None, settings=SETTINGS):
    time = time or FakeTime()
    return MsalTokens(
        settings, TENANT, method, transport=httpx.MockTransport(server), sleep=time.sleep, clock=time.clock
    )


async def failure_of(tokens):
    with pytest.raises(errors.AuthFailed) as caught:
        await tokens.token()
    error = caught.value
    assert 1 <= len(str(error).splitlines()) <= 3
    assert SECRET not in str(error) + repr(error) + repr(vars(error))
    return error
