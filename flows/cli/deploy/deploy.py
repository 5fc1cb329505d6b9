"""Creating what entra-fleet runs need on a Prefect server; idempotent."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import AutomationSort, DeploymentSort
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectAlreadyExists
from prefect.utilities.processutils import command_to_string
from prefect.workers.process import ProcessWorker
from ruamel.yaml import YAML

from flows.cli.deploy.prefect_yaml import find_packaged_file, write_prefect_yaml
from flows.cli.errors import CommandFailed
from flows.cli.processes.child import Child
from flows.cli.processes.prefect_server import PrefectApi
from flows.cli.processes.temporary_directory import temporary_directory
from flows.configuration.blocks import AppCredentials, EntraTenant
from flows.run.prefect_pages import read_all

_SERVERS_OWN = {"id", "created", "updated", "enabled", "owner_resource"}


async def make_automations(client: PrefectClient, block_id: UUID | None) -> None:
    """Create or update the automations; one that was disabled stays disabled."""
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
    return {each.name for each in await _read_automations(client) if not each.enabled}


async def switch_off(client: PrefectClient, names: set[str]) -> None:
    """Disable automations again after a deployment has recreated them."""
    for each in await _read_automations(client) if names else ():
        if each.enabled and each.name in names:
            await client.pause_automation(each.id)


async def _read_automations(client: PrefectClient) -> list[Automation]:
    return await read_all(client.read_automations, sort=AutomationSort.CREATED_DESC)


def _automation(document: dict[str, Any], block_id: UUID | None) -> AutomationCore:
    notifying = [
        each | {"block_document_id": str(block_id)} if each["type"] == "send-notification" else each
        for each in document["actions"]
    ]
    # Without a block there is no one to notify, but the automation stays visible in the UI.
    actions = [each for each in notifying if block_id or each["type"] != "send-notification"]
    return AutomationCore.model_validate({**document, "actions": actions or [{"type": "do-nothing"}]})


def _same(known: Automation, wanted: AutomationCore) -> bool:
    return known.model_dump(mode="json", exclude=_SERVERS_OWN) == wanted.model_dump(mode="json", exclude=_SERVERS_OWN)


async def find_notification_block(client: PrefectClient, block: str) -> UUID:
    """Return the id of a notification block, given as TYPE/NAME.

    Raises:
        CommandFailed: It does not exist.
    """
    kind, _, name = block.partition("/")
    found = [each for each in await client.read_block_documents_by_type(kind) if each.name == name] if name else []
    if not found:
        # Cause: --notify, or notify in the file of --fleets, names a block that does not exist.
        raise CommandFailed(
            f"The Prefect server has no notification block {block!r}.",
            "Create it in the Prefect UI under Blocks, and refer to it as TYPE/NAME, such as slack-webhook/operations.",
        )
    return found[0].id


POOL = "entra-fleet"
TAG = "entra-fleet"
_DEPLOY_SECONDS = 300.0
_ENGINE = "prefect.engine"


def format_engine() -> str:
    """Return the command that executes a run in one process of this Python."""
    return command_to_string([sys.executable, "-m", _ENGINE])


def deploy(
    api: PrefectApi,
    document: dict[str, Any],
    notify: str | None,
    log_file: Path,
    directory: Path,
    engine: str | None = None,
) -> list[str]:
    """Create or update work pool, block types, deployments and automations.

    Args:
        api: The server.
        document: The content of prefect.yaml.
        notify: Notification block for the automations, as TYPE/NAME.
        log_file: Where Prefect's output goes.
        directory: Working directory of runs, for relative paths.
        engine: Command that workers start for a run; None for Prefect's own, which is two Pythons one after the other,
            and needs no path that holds on every machine with a worker.

    Returns:
        Our deployments on the server that are not in the document, as FLOW/DEPLOYMENT.

    Raises:
        CommandFailed: Prefect created no deployments, or the block does not exist.
    """
    with api.used():
        block_id, off = asyncio.run(_prepare(notify, engine))
        with temporary_directory() as temporary:
            file = temporary / "prefect.yaml"
            write_prefect_yaml(file, document)
            arguments = ["--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
            Child("prefect", arguments, log_file, api.variables, directory).finish(_DEPLOY_SECONDS)
        return asyncio.run(_complete(document, block_id, off))


async def _prepare(notify: str | None, engine: str | None) -> tuple[UUID | None, set[str]]:
    async with get_client() as client:
        # First, so that a mistake in its name changes nothing.
        block_id = await find_notification_block(client, notify) if notify else None
        await make_work_pool(client, POOL, engine)
        await EntraTenant.register_type_and_schema(client=client)
        await AppCredentials.register_type_and_schema(client=client)
        return block_id, await switched_off(client)


async def _complete(document: dict[str, Any], block_id: UUID | None, off: set[str]) -> list[str]:
    async with get_client() as client:
        # After Prefect's own command, which rewrites the schema each time.
        await refuse_unknown_parameters(client)
        await switch_off(client, off)
        await make_automations(client, block_id)
        return await _left_over(client, {each["name"] for each in document["deployments"]})


async def refuse_unknown_parameters(client: PrefectClient) -> None:
    """Make the server reject runs of our deployments with unknown parameters.

    Prefect's own parameter schema allows any; the run would fail only after it started.
    """
    for deployment in await _read_own_deployments(client):
        schema = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
        if schema != deployment.parameter_openapi_schema:
            body = {"parameter_openapi_schema": schema}
            await client.request("PATCH", "/deployments/{id}", path_params={"id": deployment.id}, json=body)


async def _read_own_deployments(client: PrefectClient) -> list[DeploymentResponse]:
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    return await read_all(client.read_deployments, deployment_filter=ours, sort=DeploymentSort.NAME_ASC)


async def make_work_pool(client: PrefectClient, name: str, engine: str | None) -> None:
    """Create a work pool for processes, unless it is there, and set what its workers start for a run; see `deploy`."""
    template = ProcessWorker.get_default_base_job_template()
    with suppress(ObjectAlreadyExists):
        await client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
    if engine is None:
        return
    template = (await client.read_work_pool(name)).base_job_template
    command = template.get("variables", {}).get("properties", {}).get("command", {})
    # A command that a person has set stays; ours may name a Python that is gone.
    if "default" in command and (command["default"] or _ENGINE).endswith(_ENGINE):
        command["default"] = engine
        await client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))


async def _left_over(client: PrefectClient, wanted: set[str]) -> list[str]:
    others = [each for each in await _read_own_deployments(client) if each.name not in wanted]
    flows = {each.flow_id: (await client.read_flow(each.flow_id)).name for each in others}
    return [f"{flows[each.flow_id]}/{each.name}" for each in others]


def format_deployed(left_over: Sequence[str]) -> list[str]:
    """Return a remark for each deployment that is no longer configured."""
    return [
        f"{name} is no longer configured and was left in place. To remove it: prefect deployment delete {name}"
        for name in left_over
    ]
