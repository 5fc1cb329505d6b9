"""What `check` tells before anything is written."""

import json
import re

import pytest

from graph_emulator import Emulator
from graph_emulator.faults.rules import read_fault
from graph_emulator.settings import ALL_ROLES, EmulatorSettings
from tests.estates import TENANT, estate, fleet, instance

NOBODY = "11111111-1111-1111-1111-111111111111"
PEOPLE = Emulator().controls.state()
USER, GROUP = PEOPLE["users"][0]["id"], PEOPLE["groups"][0]["id"]
CLIENT = EmulatorSettings().client_id
EVERYTHING = fleet(instance("one", owners=[USER], assignments=[{"group": GROUP}]))
SIGNED_IN = f"ok     sign-in     tenant {TENANT} as application {CLIENT}"
GRANT = "Grant this application permission of Microsoft Graph with admin consent"
NEEDS = [
    "find the applications (plan, monitor, harvest)",
    "read provisioning jobs (plan, monitor)",
    "read the provisioning log (harvest)",
    "create and tag applications (apply)",
    "save credentials and run jobs (apply)",
    "assign users and groups (apply)",
    "add owners (apply)",
]


@pytest.fixture
def check(entra_fleet, write_fleet):
    """Checks a fleet that has its secrets, and returns the path of its file with the outcome."""

    def run(document, *options, **variables):
        path = write_fleet(document)
        return path, entra_fleet("check", path, *options, **{"TOKEN": "good", **variables})

    return run


def failures(result):
    """The failed checks of a text, each with its advice."""
    lines = result.out.splitlines()
    failed = (number for number, line in enumerate(lines) if line.startswith("FAILED"))
    return [(lines[number].removeprefix("FAILED "), lines[number + 1].strip()) for number in failed]


def test_all_is_well_and_nothing_was_written(tenant, check):
    path, result = check(EVERYTHING)
    lines = [
        f"ok     fleet-file  {path}: 1 instance of contoso",
        "ok     reference   1 of 1 readable",
        SIGNED_IN,
        *(f"ok     permission  {need}" for need in NEEDS),
        "ok     log         the provisioning log is readable",
        "ok     template    Box",
        "ok     principal   2 of 2 found",
        "contoso: all 13 checks passed.",
    ]
    assert (result.out.splitlines(), result.err, result.code) == (lines, "", 0)
    assert [request.operation for request in tenant.requests()] == [
        "list_provisioning_events",
        "list_application_templates",
        "get_group",
        "get_user",
    ]


@pytest.mark.usefixtures("tenant")
def test_ids_that_are_no_group_and_no_user_are_named(check):
    groups, users = [{"group": USER}], [{"user": GROUP}]
    wanted = fleet(instance("one", owners=[NOBODY], assignments=groups), instance("two", assignments=users))
    _, result = check(wanted, "--output", "json")
    wrong = [each["message"] for each in json.loads(result.out)["checks"] if not each["ok"]]
    assert sorted(message.split()[-1] for message in wrong) == sorted([NOBODY, GROUP, USER])
    assert result.code == 1


@pytest.mark.usefixtures("tenant")
def test_only_what_the_file_speaks_of_is_needed(check):
    _, result = check(fleet(instance("one")))
    assert "assign" not in result.out
    assert "owners" not in result.out
    assert result.code == 0


@pytest.mark.parametrize(
    ("role", "missing"),
    [
        (
            "Application.ReadWrite.All",
            {NEEDS[3]: "Application.ReadWrite.All", NEEDS[6]: "Application.ReadWrite.All"},
        ),
        (
            "Synchronization.ReadWrite.All",
            {NEEDS[1]: "Synchronization.Read.All", NEEDS[4]: "Synchronization.ReadWrite.All"},
        ),
        ("AppRoleAssignment.ReadWrite.All", {NEEDS[5]: "AppRoleAssignment.ReadWrite.All"}),
        # Directory.Read.All opens the log too.
        ("ProvisioningLog.Read.All", {}),
        ("Directory.Read.All", {NEEDS[6]: "Directory.Read.All"}),
    ],
)
def test_each_missing_permission_is_named_with_what_needs_it(check, tmp_path, role, missing):
    with estate(tmp_path / "poor", roles=tuple(name for name in ALL_ROLES if name != role)):
        _, result = check(EVERYTHING)
    assert failures(result) == [
        (f"permission  {need}: {name} is missing", f"{GRANT}.") for need, name in missing.items()
    ]
    assert result.code == (1 if missing else 0)
    assert result.err == ""


def test_the_log_needs_a_licence_too(check, tmp_path):
    with estate(tmp_path / "poor", roles=ALL_ROLES[:3]):
        _, result = check(fleet(instance("one")))
    what = f"permission  {NEEDS[2]}: ProvisioningLog.Read.All is missing"
    ((found, advice),) = failures(result)
    assert (found, advice.startswith(GRANT), "P1 or P2" in advice) == (what, True, True)


def test_a_log_that_does_not_answer_is_told_though_the_permission_is_there(check, tmp_path):
    with estate(tmp_path / "free", faults=[read_fault("list_provisioning_events: 403")]):
        _, result = check(fleet(instance("one")))
    ((what, advice),) = failures(result)
    assert re.fullmatch(r"log +Graph: .* GET /v1.0/auditLogs/provisioning: 403 .*", what)
    assert advice.endswith("; reading these logs needs Entra ID P1 or P2")


def test_a_reader_needs_to_read_only(check, tmp_path):
    reader = ("Application.Read.All", "Synchronization.Read.All", "ProvisioningLog.Read.All")
    with estate(tmp_path / "reader", roles=reader):
        path, result = check(EVERYTHING, "--reading-only", TOKEN="")
    lines = [
        f"ok     fleet-file  {path}: 1 instance of contoso",
        SIGNED_IN,
        *(f"ok     permission  {need}" for need in NEEDS[:3]),
        "ok     log         the provisioning log is readable",
        "ok     template    Box",
        "contoso: all 7 checks passed.",
    ]
    assert (result.out.splitlines(), result.code) == (lines, 0)


def test_owning_the_applications_is_enough_with_a_warning(check, tmp_path):
    with estate(tmp_path / "owner", roles=("Application.ReadWrite.OwnedBy", "ProvisioningLog.Read.All")):
        _, result = check(fleet(instance("one")), "--output", "json")
    checks = {each["message"]: each for each in json.loads(result.out)["checks"]}
    warned = ["Application.ReadWrite.OwnedBy" in checks[need]["hint"] for need in NEEDS[:5]]
    assert (warned, checks[NEEDS[2]]["hint"]) == ([True, True, False, True, True], "")
    assert result.code == 0


@pytest.mark.usefixtures("tenant")
def test_every_reference_that_leads_nowhere_is_named_and_no_value_shown(check, tmp_path):
    (tmp_path / "secret").write_text("s3cr3t-m4rk3r")
    document = fleet(
        instance("one", credentials={"SecretToken": "${env:NOWHERE}"}),
        instance("two", credentials={"SecretToken": "${env:NOWHERE}", "Password": "${file:/no/such/file}"}),
        instance("three", credentials={"SecretToken": f"${{file:{tmp_path}/secret}}"}),
        instance("four", credentials={"SecretToken": "${block:nope/x}"}),
    )
    _, result = check(document, PREFECT_API_URL="")
    assert "ok     reference   1 of 4 readable\n" in result.out
    assert failures(result) == [
        (
            "reference   one: credentials.SecretToken: ${env:NOWHERE}: "
            "the environment variable is not set (and 1 more)",
            "Set NOWHERE where the flow runs, or correct the reference.",
        ),
        (
            "reference   two: credentials.Password: ${file:/no/such/file}: "
            "the file cannot be read (No such file or directory)",
            "Check the path, and that this process may read it.",
        ),
        (
            "reference   four: credentials.SecretToken: ${block:nope/x}: "
            "no Prefect server is configured, which keeps the blocks",
            "Set PREFECT_API_URL.",
        ),
    ]
    assert "s3cr3t-m4rk3r" not in result.out + result.err


@pytest.mark.usefixtures("tenant")
def test_credentials_that_the_cloud_cannot_keep_are_told_with_the_number(check):
    _, result = check(fleet(instance("one"), instance("two")), "--output", "json", TOKEN="x" * 1_025)
    assert json.loads(result.out)["ok"]
    large = {"ENTRA_FLEET_CLOUD": "usgov", "TOKEN": "x" * 1_025}
    _, result = check(fleet(instance("one"), instance("two")), "--output", "json", **large)
    wrong = [each for each in json.loads(result.out)["checks"] if not each["ok"]]
    assert [each["check"] for each in wrong] == ["reference", "reference"]
    assert "1,025" in wrong[0]["message"]
    assert "1,024" in wrong[0]["message"]


@pytest.mark.usefixtures("tenant")
def test_only_the_instances_asked_for_are_looked_at(check):
    document = fleet(instance("one", "Bux"), instance("two"))
    assert check(document)[1].code == 1
    _, result = check(document, "--only", "two")
    assert ("1 instance of contoso" in result.out, result.code) == (True, 0)
    _, result = check(document, "--only", "three")
    assert ("instance three" in result.err, result.code) == (True, 2)


@pytest.mark.usefixtures("tenant")
def test_templates_that_cannot_be_used(check):
    _, result = check(fleet(instance("one", "Bux"), instance("two", "F5"), instance("three")))
    (bux, box), (f5, types) = failures(result)
    assert ("template " in bux, "'Bux'" in bux, "'Box'" in box) == (True, True, True)
    assert ("template " in f5, "'F5'" in f5, "supportedProvisioningTypes" in types) == (True, True, True)
    assert "contoso: 2 of 12 checks failed.\n" in result.out


def test_a_sign_in_that_fails_leaves_the_other_checks(tenant, check):
    _, result = check(fleet(instance("one")), AZURE_CLIENT_SECRET="nope")
    (what, advice), *others = failures(result)
    assert what.startswith("sign-in     sign-in failed: Invalid client secret provided.")
    assert advice.startswith("the client secret is wrong")
    assert (others, "ok     reference" in result.out, result.code) == ([], True, 1)
    assert tenant.requests() == []


def test_without_anything_to_sign_in_with_the_references_are_checked_all_the_same(check):
    _, result = check(fleet(instance("one")), AZURE_CLIENT_ID="")
    lines = [
        "FAILED sign-in     AZURE_CLIENT_ID is not set: the application (client) id to sign in with.",
        "ok     reference   1 of 1 readable",
        "contoso: 1 of 3 checks failed.",
    ]
    assert (result.out.splitlines()[1:], result.err, result.code) == (lines, "", 1)


def test_another_tenants_credential(tenant, check):
    _, result = check(fleet(instance("one"), tenant_id=NOBODY))
    ((what, advice),) = failures(result)
    assert what.startswith("sign-in ")
    assert (NOBODY in what, TENANT in what, "tenant_id" in advice) == (True, True, True)
    assert tenant.requests() == []


def test_each_problem_of_a_file_is_a_check_of_its_own(check):
    path, result = check(fleet(instance("one", scop="all"), instance("two", job="stopped")), "--output", "json")
    document = json.loads(result.out)
    assert (document["fleet"], document["ok"], result.code) == (None, False, 1)
    assert [(each["check"], each["ok"]) for each in document["checks"]] == [("fleet-file", False)] * 2
    for each, field in zip(document["checks"], ("instances[0].scop", "instances[1].job"), strict=True):
        assert field in each["message"]
        assert str(path) in each["message"]
        assert each["hint"]
