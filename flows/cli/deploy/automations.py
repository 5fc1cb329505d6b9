"""The automations for events that no flow can detect itself."""

from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore
from ruamel.yaml import YAML

from flows.cli.deploy.packaged_files import find_packaged_file
from flows.cli.errors import CommandFailed

_SERVERS_OWN = {"id", "created", "updated", "enabled", "owner_resource"}


async def make_automations(client: PrefectClient, notify: str | None) -> None:
    """Create or update the automations; one that was disabled stays disabled.

    Raises:
        CommandFailed: The notification block does not exist.
    """
    block_id = await _block_id(client, notify) if notify else None
    for path in sorted(find_packaged_file("deployments/automations").glob("*.yaml")):
        wanted = _automation(YAML(typ="safe").load(path), block_id)
        found = await client.read_automations_by_name(wanted.name)
        if not found:
            await client.create_automation(wanted)
        for known in found:
            if not _same(known, wanted):
                await client.update_automation(known.id, wanted.model_copy(update={"enabled": known.enabled}))


async def switched_off(client: PrefectClient) -> set[str]:
    """Return the names of the disabled automations."""
    return {each.name for each in await client.read_automations() if not each.enabled}


async def switch_off(client: PrefectClient, names: set[str]) -> None:
    """Disable automations again after a deployment has recreated them."""
    for each in await client.read_automations() if names else ():
        if each.enabled and each.name in names:
            await client.pause_automation(each.id)


def _automation(document: dict[str, Any], block_id: UUID | None) -> AutomationCore:
    notifying = [
        each | {"block_document_id": str(block_id)} if each["type"] == "send-notification" else each
        for each in document["actions"]
    ]
    actions = [each for each in notifying if block_id or each["type"] != "send-notification"]
    return AutomationCore.model_validate({**document, "actions": actions or [{"type": "do-nothing"}]})


def _same(known: Automation, wanted: AutomationCore) -> bool:
    return known.model_dump(mode="json", exclude=_SERVERS_OWN) == wanted.model_dump(mode="json", exclude=_SERVERS_OWN)


async def _block_id(client: PrefectClient, block: str) -> UUID:
    kind, _, name = block.partition("/")
    found = [each for each in await client.read_block_documents_by_type(kind) if each.name == name] if name else []
    if not found:
        raise CommandFailed(
            f"The Prefect server has no notification block {block!r}.\n"
            "Create it in the Prefect UI under Blocks, and refer to it as TYPE/NAME, such as slack-webhook/operations."
        )
    return found[0].id
