"""Generated example fleets: applications with their secrets, or the tenants of subsidiaries."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from flows.fleet_file.cross_tenant import TEMPLATE_NAME
from graph_emulator import EmulatorSettings
from graph_emulator.scim.server import is_installed

NON_GALLERY = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
AWS = "AWS Single-Account Access"

_FLEET = "demo"
_ACCOUNT = "arn:aws:iam::111122223333"
_AWS_SIGN_ON = {
    # The number distinguishes several AWS applications of one tenant.
    "identifiers": ["https://signin.aws.amazon.com/saml#1"],
    "reply_urls": ["https://signin.aws.amazon.com/saml"],
    "notification_emails": ["idops@example.com"],
    "roles": [{"name": "Administrator", "value": f"{_ACCOUNT}:role/Administrator,{_ACCOUNT}:saml-provider/Entra"}],
}
"""Single sign-on of the first instance: people sign in to AWS with a role, and provisioning imports the roles."""


@dataclass(frozen=True)
class _Kind:
    key: str
    display_name: str
    template: str
    credential_keys: tuple[str, ...]


_KINDS = (
    _Kind("aws", "AWS account", AWS, ("ClientSecret", "SecretToken")),
    _Kind("box", "Box", "Box", ("SecretToken",)),
    _Kind("databricks", "Databricks", "Azure Databricks SCIM Provisioning Connector", ("BaseAddress", "SecretToken")),
    _Kind("scim", "SCIM app", NON_GALLERY, ("BaseAddress", "SecretToken")),
)


def write_demo_fleet(directory: Path, tenant_id: str, instances: int, target_url: str | None = None) -> Path:
    """Write a fleet file with AWS, Box, Databricks and custom SCIM instances in turn, and a file for each secret.

    Args:
        directory: Where the files go.
        tenant_id: The embedded tenant.
        instances: How many.
        target_url: Where the tenant is served, whose target systems are then provisioned to, if it can have any.

    Returns:
        The path of the fleet file.
    """
    root = f"{target_url}/scim/{{key}}" if target_url and is_installed() else "https://{key}.example.net/scim"
    fleet = {
        "fleet": _FLEET,
        "tenant_id": tenant_id,
        "defaults": {"scope": "all", "delete_threshold": 50, "notification_email": "idops@example.com"},
        "instances": [_instance(directory, number, root) for number in range(instances)],
    }
    return _write(directory, fleet)


def write_subsidiaries(directory: Path, tenant_id: str, targets: Sequence[EmulatorSettings]) -> Path:
    """Write a fleet file that synchronizes the users of the embedded tenant into other ones.

    Args:
        directory: Where the file goes.
        tenant_id: The embedded tenant.
        targets: The tenants of the subsidiaries.

    Returns:
        The path of the fleet file.
    """
    fleet = {
        "fleet": _FLEET,
        "tenant_id": tenant_id,
        "defaults": {
            "template": TEMPLATE_NAME,
            "scope": "all",
            "delete_threshold": 50,
            "notification_email": "idops@example.com",
            "cross_tenant": {"users": True, "redeem": "automatic"},
        },
        "instances": [
            {
                "key": each.variable_prefix.lower(),
                "display_name": each.tenant_name,
                "cross_tenant": {"tenant_id": each.tenant_id, "sign_in": f"env:{each.variable_prefix}"},
            }
            for each in targets
        ],
    }
    return _write(directory, fleet)


def _write(directory: Path, fleet: dict[str, Any]) -> Path:
    path = directory / "fleet.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(fleet, file)
    return path


def _instance(directory: Path, number: int, root: str) -> dict[str, Any]:
    kind, turn = _KINDS[number % len(_KINDS)], number // len(_KINDS) + 1
    key = f"{kind.key}-{turn}"
    return {
        "key": key,
        "display_name": f"{kind.display_name} {turn}",
        "template": kind.template,
        "credentials": {name: _credential(directory, key, name, root) for name in kind.credential_keys},
        **({} if number else {"sso": _AWS_SIGN_ON}),
    }


def _credential(directory: Path, key: str, name: str, root: str) -> str:
    if name == "BaseAddress":
        return root.format(key=key)
    secret = directory / "secrets" / f"{key}-{name}"
    secret.parent.mkdir(mode=0o700, exist_ok=True)
    secret.write_text(f"a secret of {key}\n", encoding="utf-8")
    secret.chmod(0o600)
    return f"${{file:{secret.resolve()}}}"
