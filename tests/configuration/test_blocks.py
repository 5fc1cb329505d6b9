import pytest
from prefect.settings import PREFECT_HOME

from flows.configuration.blocks import AppCredentials, EntraTenant
from flows.configuration.environment import Environment, EnvironmentIncomplete, add_prefect_variables
from flows.configuration.sign_in import Identity, UnknownBlock, read_identity, read_target_identity
from flows.provision import provision_fleet
from graph_client import CLOUDS, ClientSecret, GraphSettings
from tests.estates import TENANT, estate, fleet, instance

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

SIGN_IN = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST", "ENTRA_FLEET_GRAPH_URL")

PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served, add_prefect_variables(dict.fromkeys((*SIGN_IN, "SSL_CERT_FILE"), "")):
        yield served


@pytest.fixture
async def block(tenant):
    settings = tenant.emulator.settings
    block = EntraTenant(
        tenant_id=TENANT,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        graph_url=tenant.served.url,
        authority=tenant.served.url,
        ca_file=str(tenant.served.ca_file),
    )
    await block.save("prod", overwrite=True)


async def provision(wanted, **parameters):
    state = await provision_fleet(wanted, **parameters, return_state=True)
    return await state.aresult(raise_on_failure=False)


@pytest.mark.usefixtures("block")
async def test_a_run_signs_in_with_the_block_it_names(tenant):
    with add_prefect_variables({"TOKEN": "good"}):
        outcome = await provision(fleet(instance("one")), tenant="prod")
    assert outcome.summary["created"] == 1
    assert {record.app for record in tenant.requests()} == {tenant.emulator.settings.client_id}


@pytest.mark.parametrize("named", [None, "prod"], ids=["environment", "block"])
@pytest.mark.parametrize(
    ("variables", "proxy", "is_direct"),
    [
        ({"HTTPS_PROXY": "http://p.example:1"}, "http://p.example:1", False),
        ({"https_proxy": "p.example:1"}, "http://p.example:1", False),
        ({"ALL_PROXY": "http://p.example:1"}, "http://p.example:1", False),
        ({"HTTPS_PROXY": "http://p.example:1", "no_proxy": ".vault.azure.net"}, "http://p.example:1", True),
    ],
)
@pytest.mark.usefixtures("block")
async def test_the_proxy_of_the_environment_holds_whoever_says_where_graph_is(
    tenant, named, variables, proxy, is_direct
):
    signed_in = {} if named else {**tenant.served.environment, "AZURE_TENANT_ID": TENANT}
    with add_prefect_variables({**signed_in, **dict.fromkeys(PROXY_VARIABLES, ""), **variables}):
        settings = (await read_identity(named)).settings
    assert settings.proxy_for("https://graph.microsoft.com") == proxy
    assert settings.proxy_for("https://kv.vault.azure.net") == (None if is_direct else proxy)
    # The embedded tenant is on this machine.
    assert settings.proxy_for(settings.graph_url) is None


@pytest.mark.parametrize("proxy", ["socks5://me:pa55word@p.example:1", "http://me:pa55word@p.example:port"])
def test_a_proxy_that_cannot_be_used_is_said_without_its_password(proxy):
    block = EntraTenant(tenant_id=TENANT, client_id="a", client_secret="b")
    source = Environment({"HTTPS_PROXY": proxy})
    for settings_of in (source.graph_settings, lambda: source.proxied(block.graph_settings())):
        with pytest.raises(EnvironmentIncomplete) as caught:
            settings_of()
        assert "pa55word" not in str(caught.value)
        assert "HTTPS_PROXY" in str(caught.value)


def test_a_proxy_for_plain_http_is_not_for_graph():
    settings = Environment({"HTTP_PROXY": "http://p.example:1"}).graph_settings()
    assert settings.proxy_for(settings.graph_url) is None


@pytest.mark.usefixtures("block")
async def test_a_credential_may_come_from_a_block(tenant):
    await AppCredentials(fields={"SecretToken": "from a block"}).save("box", overwrite=True)
    outcome = await provision(
        fleet(instance("one", credentials={"SecretToken": "${block:box/SecretToken}"})), tenant="prod"
    )
    assert outcome.summary["created"] == 1
    (saved,) = tenant.requests("put_secrets")
    assert {"key": "SecretToken", "value": "from a block"} in saved.body["value"]


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("reference", ["box/Nope", "nope/SecretToken"])
async def test_a_block_or_field_that_is_not_there_is_named(reference):
    await AppCredentials(fields={"SecretToken": "from a block"}).save("box", overwrite=True)
    wanted = fleet(instance("one", credentials={"SecretToken": f"${{block:{reference}}}"}))
    outcome = await provision(wanted, tenant="prod")
    block, field = reference.split("/")
    assert outcome.instances[0].failure.message == (
        f"one: credentials.SecretToken: ${{block:{reference}}}: "
        f"there is no Prefect block {block!r} with a field {field!r}"
    )


async def test_a_tenant_that_is_no_block_is_named(tenant):
    error = await provision(fleet(instance("one")), tenant="nope")
    assert isinstance(error, UnknownBlock)
    assert "'nope'" in error.message
    assert tenant.requests() == []


async def test_a_block_shows_no_secret(block):
    shown = repr(await EntraTenant.aload("prod"))
    assert "emulator~client.secret" not in shown
    home = PREFECT_HOME.value()
    assert [path for path in home.rglob("*.db") if b"emulator~client.secret" in path.read_bytes()] == []


FABRIKAM = "3f2c0000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("fields", "root"),
    [
        ({}, "https://graph.source"),
        # A block of its own cloud or with addresses of its own keeps them.
        ({"cloud": "china"}, CLOUDS["china"].graph_url),
        ({"graph_url": "https://graph.fabrikam"}, "https://graph.fabrikam"),
    ],
)
async def test_a_target_tenant_is_signed_in_to_by_its_block_where_the_source_is(fields, root):
    block = EntraTenant(tenant_id=FABRIKAM, client_id="app", client_secret="quiet", **fields)
    await block.save("fabrikam-target", overwrite=True)
    settings = GraphSettings(graph_url="https://graph.source", authority="https://login.source")
    source = Identity(settings, "source", ClientSecret(client_id="home", client_secret="s"))
    found = await read_target_identity("fabrikam-target", FABRIKAM, source)
    assert (found.tenant_id, found.settings.graph_url) == (FABRIKAM, root)
    assert found.method == ClientSecret(client_id="app", client_secret="quiet")
