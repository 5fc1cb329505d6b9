"""The commands certificates and sso as a person uses them."""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import ROOT
from tests.estates import AWS, fleet, instance
from tests.tenant.crowds import settle

FLEET = fleet(instance("a", AWS), instance("b", AWS))


@pytest.fixture
def principals(tenant):
    made = {key: settle(tenant.emulator, key, f"App {key}", AWS) for key in ("a", "b")}
    made["nobody's"] = settle(tenant.emulator, None, "By hand", AWS)
    live = tenant.emulator.tenant.directory.live["servicePrincipal"]
    for principal in made.values():
        tenant.emulator.tenant.directory.patch(
            live[principal], {"preferredSingleSignOnMode": "saml"}, tenant.emulator.clock.now()
        )
    tenant.emulator.controls.advance(5)
    tenant.forget()
    return made


def test_without_a_terminal_nobody_can_be_asked(entra_fleet, write_fleet, tenant):
    for stage in (("renew",), ("activate", "--acknowledged"), ("clean",)):
        assert entra_fleet("certificates", stage[0], write_fleet(FLEET), *stage[1:]).code == 2
    assert tenant.on_wire() == 0


def test_activation_needs_an_acknowledgement_or_a_hook(entra_fleet, write_fleet, tenant):
    result = entra_fleet("certificates", "activate", write_fleet(FLEET), "--yes")
    assert (result.code, result.out, tenant.on_wire()) == (1, "", 0)
    assert "--acknowledged" in result.err


@pytest.mark.usefixtures("principals")
def test_a_certificate_is_added_listed_activated_and_published(entra_fleet, write_fleet, tenant, tmp_path):
    path = write_fleet(FLEET)
    result = entra_fleet("certificates", "renew", path, "--only", "a", "--yes", "--output", "json", PREFECT_API_URL="")
    document = json.loads(result.out)
    assert (result.code, document["summary"]["staged"]) == (0, 1)
    staged = document["instances"][0]["staged_certificate"]

    result = entra_fleet("certificates", "list", path, "--output", "json")
    by_key = {each["key"]: each for each in json.loads(result.out)}
    assert {key: (each["state"], each["staged"]) for key, each in by_key.items()} == {
        "a": ("staged", staged["thumbprint"]),
        "b": ("none", None),
    }

    arguments = ("--only", "a", "--acknowledged", "--yes", "--output", "json")
    result = entra_fleet("certificates", "activate", path, *arguments, PREFECT_API_URL="")
    assert json.loads(result.out)["summary"]["activated"] == 1
    result = entra_fleet("certificates", "list", path, "--only", "a", "--output", "jsonl")
    (one,) = map(json.loads, result.out.splitlines())
    assert (one["state"], one["active"], one["urgency"]) == ("active", staged["thumbprint"], None)

    result = entra_fleet("sso", "metadata", path, "--only", "a", "--out", tmp_path / "out")
    assert result.code == 0
    published = ElementTree.parse(tmp_path / "out" / "a.xml").getroot()
    found = {"".join((each.text or "").split()) for each in published.iter() if each.tag.endswith("X509Certificate")}
    assert staged["certificate"] in found
    result = entra_fleet("sso", "metadata", path, "--only", "a")
    assert ElementTree.fromstring(result.out).tag == published.tag
    assert entra_fleet("sso", "metadata", path).code == 2


def test_the_whole_tenant_is_listed_with_what_cannot_be_read(entra_fleet, write_fleet, tenant, principals):
    entra_fleet("certificates", "renew", write_fleet(FLEET), "--yes", PREFECT_API_URL="")
    tenant.forget()
    result = entra_fleet("certificates", "list", "--all", "--output", "json")
    found = {
        each["service_principal_id"]: (each["fleet"], each["key"], each["state"]) for each in json.loads(result.out)
    }
    assert found == {
        principals["a"]: ("contoso", "a", "staged"),
        principals["b"]: ("contoso", "b", "staged"),
        principals["nobody's"]: (None, None, "none"),
    }
    # The keys are read in batches, never with the collection.
    (listing,) = tenant.requests("list_service_principals")
    assert "keyCredentials" not in listing.query
    assert len(tenant.requests("get_service_principal")) == 3
    assert tenant.on_wire() == 2
    assert entra_fleet("certificates", "list", "--all", "--only", "a").code == 2
    csv = entra_fleet("certificates", "list", "--all", "--output", "csv").out.splitlines()
    assert (csv[0].split(",")[:2], len(csv)) == (["fleet", "key"], 4)


METADATA = "<EntityDescriptor><X509Certificate>\nMIIC\nabcd\n</X509Certificate></EntityDescriptor>"


@pytest.mark.parametrize(
    ("key", "certificate", "code"), [("a", "MIICabcd", 0), ("a", "MIICnew", 1), ("z", "MIICabcd", 1)]
)
def test_the_example_for_aws_updates_the_provider_if_the_metadata_has_the_certificate(tmp_path, key, certificate, code):
    aws, log, document = tmp_path / "aws", tmp_path / "log", tmp_path / "metadata.xml"
    aws.write_text(f'#!/bin/sh\necho "$@" > {log}\ngrep -q MIIC "${{6#file://}}"\n')
    aws.chmod(0o755)
    document.write_text(METADATA)
    variables = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "AWS_SAML_PROVIDERS": '{"a": "arn:aws:iam::111122223333:saml-provider/Entra"}',
        "ENTRA_FLEET_HOOK_KEY": key,
        "ENTRA_FLEET_HOOK_CERTIFICATE": certificate,
        "ENTRA_FLEET_HOOK_METADATA_URL": document.as_uri(),
    }
    hook = [sys.executable, ROOT / "deployments" / "hooks" / "aws_iam.py"]
    done = subprocess.run(hook, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    asked = log.read_text().split() if log.exists() else None
    assert (asked[:4] if asked else None) == (
        ["iam", "update-saml-provider", "--saml-provider-arn", "arn:aws:iam::111122223333:saml-provider/Entra"]
        if code == 0
        else None
    )
