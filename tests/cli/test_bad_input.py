"""What a person sees who got something wrong: one to three lines, the right exit code, and no traceback."""

import re
import socket

import pytest

from flows.configuration.environment import add_prefect_variables
from graph_emulator import EmulatorSettings
from tests.certificates import expired_certificate
from tests.estates import AWS, TENANT, estate, fleet, instance

ID = r"[0-9a-f-]{32,36}"
WRONG_ID = "11111111-1111-1111-1111-111111111111"


def ended(result, code, text):
    """The command wrote exactly this, save for request ids, and ended with that code."""
    assert re.sub(ID, "ID", result.err) == re.sub(ID, "ID", text) + "\n"
    assert (result.out, result.code) == ("", code)
    assert "Traceback" not in result.err


def test_a_file_that_is_not_there(entra_fleet, tmp_path):
    path = tmp_path / "nope.yaml"
    text = f"{path}: no such file\nCheck the path, or create the file."
    ended(entra_fleet("plan", path), 1, text)
    ended(entra_fleet("apply", path, "--yes"), 1, text)


def test_yaml_that_does_not_parse(entra_fleet, write_fleet):
    path = write_fleet("fleet: contoso\ninstances: [\n")
    result = entra_fleet("plan", path)
    assert result.err.startswith(f"{path}:3:1: ")
    assert (result.out, result.code, "Traceback" in result.err) == ("", 1, False)


def test_an_unknown_field(entra_fleet, write_fleet):
    result = entra_fleet("plan", write_fleet(fleet(instance("one", scop="all"))))
    assert "instances[0].scop" in result.err
    assert "scope" in result.err
    assert result.code == 1


def test_a_literal_secret_is_refused_and_not_repeated(entra_fleet, write_fleet):
    result = entra_fleet("plan", write_fleet(fleet(instance("one", credentials={"SecretToken": "hunter2"}))))
    assert "instances[0].credentials.SecretToken" in result.err
    assert "hunter2" not in result.err
    assert result.code == 1


@pytest.mark.usefixtures("tenant")
def test_another_tenants_credential(entra_fleet, write_fleet, tenant):
    path = write_fleet(fleet(instance("one"), tenant_id=WRONG_ID))
    result = entra_fleet("plan", path)
    assert [each in result.err for each in (WRONG_ID, TENANT, "tenant_id")] == [True] * 3
    assert (result.out, result.code, len(result.err.splitlines())) == ("", 1, 2)
    assert tenant.requests() == []


@pytest.mark.usefixtures("tenant")
def test_a_wrong_client_secret(entra_fleet, write_fleet):
    client = EmulatorSettings().client_id
    ended(
        entra_fleet("plan", write_fleet(fleet(instance("one"))), AZURE_CLIENT_SECRET="nope"),
        1,
        "sign-in failed: Invalid client secret provided. Ensure the secret being sent in the request is the client "
        f"secret value, not the client secret ID, for a secret added to app '{client}'.\n"
        f"POST /{TENANT}/oauth2/v2.0/token: 401 AADSTS7000215, request-id {WRONG_ID}\n"
        "the client secret is wrong: give its value, not its id, and check that it belongs to this application",
    )


@pytest.mark.usefixtures("tenant")
def test_an_expired_certificate(entra_fleet, write_fleet, tmp_path, tenant):
    path = expired_certificate(tmp_path / "certificate.pem")
    result = entra_fleet(
        "plan",
        write_fleet(fleet(instance("one"))),
        AZURE_CLIENT_SECRET="",
        AZURE_CLIENT_CERTIFICATE_PATH=str(path),
    )
    assert "expired" in result.err
    assert str(path) in result.err
    assert (result.out, result.code, len(result.err.splitlines()) <= 3) == ("", 1, True)
    assert tenant.requests() == []


def test_no_credential_at_all(entra_fleet, write_fleet):
    ended(
        entra_fleet("plan", write_fleet(fleet(instance("one"))), AZURE_CLIENT_ID=""),
        1,
        "AZURE_CLIENT_ID is not set: the application (client) id to sign in with.",
    )


@pytest.mark.usefixtures("tenant")
def test_a_certificate_authority_that_is_not_trusted(entra_fleet, write_fleet):
    result = entra_fleet("plan", write_fleet(fleet(instance("one"))), SSL_CERT_FILE="")
    assert "CERTIFICATE_VERIFY_FAILED" in result.err
    assert "SSL_CERT_FILE" in result.err.splitlines()[-1]
    assert (result.out, result.code) == ("", 1)


@pytest.mark.usefixtures("tenant")
def test_a_sign_in_host_that_nobody_answers_at(entra_fleet, write_fleet):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = entra_fleet(
            "plan", write_fleet(fleet(instance("one"))), AZURE_AUTHORITY_HOST=f"https://localhost:{port}"
        )
    assert result.err.startswith(f"localhost:{port} ")
    assert "authority" in result.err.splitlines()[-1]
    assert (result.out, result.code) == ("", 1)


def test_a_missing_permission_is_named(entra_fleet, write_fleet, tmp_path):
    with estate(tmp_path / "poor", roles=("ProvisioningLog.Read.All",)):
        result = entra_fleet("plan", write_fleet(fleet(instance("one"))))
    assert "Authorization_RequestDenied" in result.err
    assert "Application.Read.All" in result.err.splitlines()[-1]
    assert (result.out, result.code, len(result.err.splitlines())) == ("", 1, 3)


def test_a_missing_permission_on_synchronization_is_named_before_anything_is_written(
    entra_fleet, write_fleet, tmp_path
):
    poor = estate(tmp_path / "poor", roles=("Application.ReadWrite.All",))
    with poor as tenant, add_prefect_variables({"TOKEN": "good"}):
        path = write_fleet(fleet(instance("one")))
        result = entra_fleet("apply", path, "--yes", PREFECT_API_URL="")
        assert tenant.requests(writes=True) == []
    assert "Synchronization.ReadWrite.All" in result.err
    assert (result.code, "Traceback" in result.err) == (1, False)


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(
    ("template", "named"),
    [("Bux", ("'Bux'", "'Box'")), ("F5", ("'F5'", "supportedProvisioningTypes"))],
)
def test_a_template_that_cannot_be_used(entra_fleet, write_fleet, tenant, template, named):
    path = write_fleet(fleet(instance("one", template, credentials={"SecretToken": "${env:TOKEN}"})))
    result = entra_fleet("apply", path, "--yes", PREFECT_API_URL="")
    where, what, remedy = result.err.splitlines()[1:]
    assert (where, named[0] in what, named[1] in remedy) == ("one failed at plan:", True, True)
    assert (result.code, tenant.requests(writes=True)) == (1, [])


@pytest.mark.usefixtures("tenant")
def test_an_unset_variable_of_one_instance_and_a_rejected_credential_of_another(entra_fleet, write_fleet):
    wanted = fleet(
        instance("unset", credentials={"SecretToken": "${env:UNSET}"}),
        instance("rejected", credentials={"SecretToken": "${env:BAD}"}),
        instance("good"),
    )
    result = entra_fleet("apply", write_fleet(wanted), "--yes", TOKEN="good", BAD="wrong", PREFECT_API_URL="")
    assert result.err.startswith(
        "\nunset failed at check-references:\n"
        "unset: credentials.SecretToken: ${env:UNSET}: the environment variable is not set\n"
        "Set UNSET where the flow runs, or correct the reference.\n"
        "\nrejected failed at validate-credentials:\n"
        "The target system rejected the credentials of rejected or could not be reached: "
    )
    assert "401" in result.err
    assert result.err.endswith(
        "\nNothing was saved and the job was not started. Correct the credentials, then apply again.\n"
    )
    assert "contoso: 1 created, 2 failed;" in result.out
    assert result.code == 1


def test_a_key_the_file_does_not_have(entra_fleet, write_fleet):
    path = write_fleet(fleet(instance("one")))
    result = entra_fleet("apply", path, "--yes", "--only", "two")
    assert (result.code, "instance two" in result.err, result.out) == (2, True, "")


def test_nobody_to_ask(entra_fleet, write_fleet):
    text = "apply asks before it changes anything, but there is no terminal to ask on.\nAdd --yes."
    ended(entra_fleet("apply", write_fleet(fleet(instance("one")))), 2, text)


def test_a_block_without_a_server_that_keeps_it(entra_fleet, write_fleet):
    ended(
        entra_fleet("plan", write_fleet(fleet(instance("one"))), "--tenant", "prod", PREFECT_API_URL=""),
        1,
        "The EntraTenant block 'prod' needs a Prefect server, but none is configured.\n"
        "Set PREFECT_API_URL, or omit --tenant to sign in from the environment.",
    )


def test_a_cloud_that_does_not_exist(entra_fleet, write_fleet):
    ended(
        entra_fleet("plan", write_fleet(fleet(instance("one"))), ENTRA_FLEET_CLOUD="mars"),
        1,
        "The environment has no usable Graph settings: cloud 'mars' is unknown\n"
        "use one of: global, usgov, usgov-dod, china",
    )


def test_a_profile_that_does_not_exist(entra_fleet):
    result = entra_fleet("demo", "--profile", "angry")
    assert result.code == 2
    assert "angry" in result.err


def test_values_that_yaml_would_twist_come_through_as_written(tenant, entra_fleet, write_fleet):
    text = f"""\
fleet: contoso
tenant_id: {TENANT}
instances:
  - key: no
    display_name: 012345670123
    template: {AWS}
    scope: all
    notes: 2027-05-01
    credentials: {{ClientSecret: "${{env:TOKEN}}", SecretToken: "${{env:TOKEN}}"}}
"""
    result = entra_fleet("apply", write_fleet(text), "--yes", TOKEN="x", PREFECT_API_URL="")
    assert (result.err, result.code) == ("", 0)
    (application,) = tenant.applications()["entra-fleet:contoso:no"]
    assert (application["displayName"], application["notes"]) == ("012345670123", "2027-05-01")
