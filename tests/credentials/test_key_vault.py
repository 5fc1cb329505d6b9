import asyncio
import logging
import sys
import threading

import pytest

from flows.configuration.environment import add_prefect_variables, environment
from flows.configuration.sign_in import read_identity
from flows.credentials.key_vault import DOMAINS
from flows.credentials.references import ReferenceUnresolved, resolve
from flows.credentials.sources import Sources
from graph_client.settings import CLOUDS
from tests.estates import TENANT, estate
from tests.key_vault import key_vaults

VALUE = 'hunter2"+/é'


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        yield served


@pytest.fixture
def vaults(tenant, tmp_path):
    with key_vaults(tmp_path) as served:
        served.set("identity-kv/databricks-eu", VALUE, "v7")
        yield served


@pytest.fixture
async def sources(vaults):
    async with Sources(await read_identity(None, TENANT), memory_seconds=0) as opened:
        yield opened


async def secret(sources, name="identity-kv/databricks-eu"):
    return await resolve(f"${{keyvault:{name}}}", sources.by_scheme, instance="eu", key="SecretToken")


async def refused(sources, name="identity-kv/databricks-eu"):
    with pytest.raises(ReferenceUnresolved) as caught:
        await secret(sources, name)
    where, _, said = str(caught.value).partition(": ${keyvault:" + name + "}: ")
    assert where == "eu: credentials.SecretToken"
    assert said.count("\n") == 1
    assert "hunter2" not in said
    return said


async def test_a_secret_comes_with_its_version_and_asks_for_a_token_once(sources, vaults, tenant):
    # The SDK remembers in the process which vaults it knows.
    vaults.set("fresh-kv/token", VALUE, "v7")
    found = await secret(sources, "fresh-kv/token")
    assert (found.value.get_secret_value(), found.version) == (VALUE, "v7")
    assert (await secret(sources, "Fresh-KV/token")).version == "v7"
    assert (vaults.challenged, len(vaults.tokens)) == (1, 1)
    assert {record.operation for record in tenant.emulator.requests} == {"openid_configuration", "token"}


async def test_a_secret_that_many_ask_for_at_the_same_time_is_read_once(sources, vaults):
    assert {each.version for each in await asyncio.gather(*(secret(sources) for _ in range(20)))} == {"v7"}
    assert vaults.asked == ["identity-kv/databricks-eu"]


async def test_several_secrets_are_read_at_the_same_time(sources, vaults):
    for number in range(8):
        vaults.set(f"kv-{number % 2}/s{number}", "value", f"v{number}")
    await secret(sources)
    vaults.gate = threading.Barrier(8)
    found = await asyncio.gather(*(secret(sources, f"kv-{number % 2}/s{number}") for number in range(8)))
    assert [each.version for each in found] == [f"v{number}" for number in range(8)]


async def test_a_throttled_read_is_repeated(sources, vaults):
    vaults.refuse(429, "Throttled", times=2, Retry_After="0.01")
    assert (await secret(sources)).version == "v7"
    assert len(vaults.asked) == 3


REFUSALS = [
    (
        (404, "SecretNotFound", ""),
        "does not exist in identity-kv.vault.azure.net\nCreate the secret there, or correct the reference.",
    ),
    (
        (403, "Forbidden", "SecretDisabled"),
        "is disabled in identity-kv.vault.azure.net\nEnable the secret there, or correct the reference.",
    ),
    (
        (403, "Forbidden", "ForbiddenByRbac"),
        "identity-kv.vault.azure.net does not let application CLIENT read it (ForbiddenByRbac)\n"
        "Grant it the role Key Vault Secrets User on the vault, or the access policy Get.",
    ),
    (
        (403, "Forbidden", "ForbiddenByFirewall"),
        "the firewall of identity-kv.vault.azure.net refuses this machine\n"
        "Allow it under the vault's Networking, or run where it is allowed.",
    ),
    (
        (400, "BadParameter", ""),
        "identity-kv.vault.azure.net answered 400 (BadParameter)\nCheck the reference: the vault rejects it.",
    ),
]


@pytest.mark.parametrize(("refusal", "expected"), REFUSALS, ids=lambda each: each[2] if len(each) == 3 else "")
async def test_a_refusal_says_what_to_do(sources, vaults, tenant, refusal, expected):
    vaults.refuse(*refusal)
    assert await refused(sources) == expected.replace("CLIENT", tenant.emulator.settings.client_id)
    assert len(vaults.asked) == 1


async def test_a_vault_that_keeps_throttling_is_given_up(sources, vaults):
    vaults.refuse(429, "Throttled", times=20, Retry_After="0.01")
    assert "429 (Throttled)" in await refused(sources)
    assert 1 < len(vaults.asked) < 10


async def test_a_vault_that_does_not_exist_is_named(sources, vaults):
    with add_prefect_variables({"HTTPS_PROXY": ""}):
        async with Sources(await read_identity(None, TENANT)) as direct:
            said = await refused(direct, "no-such/a")
    assert said.startswith("no-such.vault.azure.net ")


async def test_a_vault_whose_certificate_is_not_trusted_is_not_asked(vaults, tenant):
    with add_prefect_variables({"SSL_CERT_FILE": str(tenant.served.ca_file)}):
        async with Sources(await read_identity(None, TENANT)) as wary:
            said = await refused(wary)
    assert "certificate of identity-kv.vault.azure.net" in said
    assert "SSL_CERT_FILE" in said
    assert vaults.asked == []


@pytest.mark.parametrize("resource", ["https://evil.example.net", "https://azure.net", "https://graph.microsoft.com"])
async def test_a_token_is_given_to_nobody_else(sources, vaults, tenant, resource):
    vaults.resource = resource
    said = await refused(sources, f"unknown-{len(resource)}/token")
    assert "does not answer as a key vault" in said or "asks for a token of another service" in said
    assert vaults.tokens == set()
    assert [each.operation for each in tenant.emulator.requests] == []


async def test_a_vault_that_does_not_accept_the_token_is_named(sources, vaults):
    vaults.answers = [(401, {"error": {"code": "Unauthorized"}}, {})] * 5
    said = await refused(sources)
    assert said.startswith("identity-kv.vault.azure.net ")


async def test_a_sign_in_that_fails_is_said(vaults):
    with add_prefect_variables({"AZURE_CLIENT_SECRET": "wrong"}):
        async with Sources(await read_identity(None, TENANT)) as stranger:
            said = await refused(stranger)
    assert said.startswith("the sign-in for identity-kv.vault.azure.net")


async def test_an_empty_secret_is_refused(sources, vaults):
    vaults.set("identity-kv/databricks-eu", "", "v8")
    assert (await refused(sources)).startswith("is empty\n")


async def test_without_the_sdk_the_extra_is_named(sources, monkeypatch):
    for name in [name for name in sys.modules if name == "flows.credentials.key_vault"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "azure.keyvault.secrets.aio", None)
    assert await refused(sources) == (
        "the Azure SDK for Key Vault is not installed\n"
        "Install it where the flow runs: pip install 'entra-fleet[keyvault]'."
    )


async def test_without_an_identity_other_sources_still_work():
    async with Sources(None) as local:
        with add_prefect_variables({"TOKEN": "good"}):
            found = await resolve("${env:TOKEN}", local.by_scheme, instance="eu", key="SecretToken")
        assert found.value.get_secret_value() == "good"
        assert (await refused(local)).startswith("keyvault references cannot be read here\n")


async def test_logs_hold_neither_secret_nor_token(sources, vaults, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("azure", "msal", "aiohttp", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    await secret(sources)
    vaults.refuse(403, "Forbidden", "ForbiddenByRbac")
    await refused(sources)
    assert "identity-kv.vault.azure.net" in caplog.text
    (token,) = vaults.tokens
    assert "hunter2" not in caplog.text
    assert token.removeprefix("Bearer ") not in caplog.text
    assert environment().require("AZURE_CLIENT_SECRET", "test") not in caplog.text


def test_every_cloud_has_a_domain():
    assert DOMAINS.keys() == CLOUDS.keys()
    assert DOMAINS["china"] == "vault.azure.cn"
    assert DOMAINS["usgov"] == DOMAINS["usgov-dod"] == "vault.usgovcloudapi.net"


async def test_a_vault_that_never_answers_is_given_up(sources, vaults, monkeypatch):
    monkeypatch.setattr("flows.credentials.key_vault._WITHIN_SECONDS", 0.2)
    vaults.gate = threading.Barrier(2)
    assert (await refused(sources)).startswith("identity-kv.vault.azure.net gave no answer (TimeoutError)\n")
    vaults.gate.abort()
