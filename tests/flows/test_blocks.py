import pytest
from prefect.settings import PREFECT_HOME

from flows.blocks import AppCredentials, EntraTenant
from flows.environment import with_variables
from flows.provision import provision_fleet
from flows.sign_in import UnknownBlock
from tests.estates import TENANT, estate, fleet, instance

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

SIGN_IN = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST", "ENTRA_FLEET_GRAPH_URL")


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served, with_variables(dict.fromkeys((*SIGN_IN, "SSL_CERT_FILE"), "")):
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
    with with_variables({"TOKEN": "good"}):
        outcome = await provision(fleet(instance("one")), tenant="prod")
    assert outcome.summary["created"] == 1
    assert {record.app for record in tenant.requests()} == {tenant.emulator.settings.client_id}


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
    assert str(error).splitlines()[0] == "There is no EntraTenant block 'nope' on the Prefect server."
    assert tenant.requests() == []


async def test_a_block_shows_no_secret(block):
    shown = repr(await EntraTenant.aload("prod"))
    assert "emulator~client.secret" not in shown
    home = PREFECT_HOME.value()
    assert [path for path in home.rglob("*.db") if b"emulator~client.secret" in path.read_bytes()] == []
