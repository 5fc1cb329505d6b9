"""Making all that runs of entra-fleet need on a Prefect server; doing it again changes nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.sorting import DeploymentSort
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.process import ProcessWorker

from flows.cli.deploy.automations import make_automations, switch_off, switched_off
from flows.cli.deploy.prefect_yaml import write_prefect_yaml
from flows.cli.processes.child import Child
from flows.cli.processes.prefect_server import PrefectApi
from flows.cli.processes.temporary_directory import temporary_directory
from flows.configuration.blocks import AppCredentials, EntraTenant

POOL = "entra-fleet"
TAG = "entra-fleet"
_DEPLOY_SECONDS = 300.0
_PAGE = 200


def deploy(api: PrefectApi, document: dict[str, Any], notify: str | None, log_file: Path, directory: Path) -> list[str]:
    """Make work pool, block types, deployments and automations.

    Args:
        api: The server.
        document: The content of prefect.yaml.
        notify: Notification block for the automations, as TYPE/NAME.
        log_file: Where Prefect's words go.
        directory: Where runs find relative paths.

    Returns:
        The deployments of ours that are on the server and not in the document, as FLOW/DEPLOYMENT.

    Raises:
        CommandFailed: Prefect made no deployments, or there is no such block.
    """
    with api.used():
        off = asyncio.run(_prepare())
        with temporary_directory() as temporary:
            file = temporary / "prefect.yaml"
            write_prefect_yaml(file, document)
            arguments = ["--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
            Child("prefect", arguments, log_file, api.variables, directory).finish(_DEPLOY_SECONDS)
        return asyncio.run(_complete(document, notify, off))


async def _prepare() -> set[str]:
    async with get_client() as client:
        await _make_work_pool(client)
        await EntraTenant.register_type_and_schema(client=client)
        await AppCredentials.register_type_and_schema(client=client)
        return await switched_off(client)


async def _complete(document: dict[str, Any], notify: str | None, off: set[str]) -> list[str]:
    async with get_client() as client:
        await refuse_unknown_parameters(client)
        await switch_off(client, off)
        await make_automations(client, notify)
        return await _left_over(client, {each["name"] for each in document["deployments"]})


async def refuse_unknown_parameters(client: PrefectClient) -> None:
    """Have the server refuse runs of our deployments with parameters that they do not have.

    Prefect's own schema of a flow's parameters admits any; the run would be refused only once it is under way.
    """
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    for deployment in await client.read_deployments(deployment_filter=ours, limit=_PAGE):
        schema = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
        if schema != deployment.parameter_openapi_schema:
            body = {"parameter_openapi_schema": schema}
            await client.request("PATCH", "/deployments/{id}", path_params={"id": deployment.id}, json=body)


async def _make_work_pool(client: PrefectClient) -> None:
    template = ProcessWorker.get_default_base_job_template()
    try:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    except ObjectAlreadyExists:
        return


async def _left_over(client: PrefectClient, wanted: set[str]) -> list[str]:
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found = await client.read_deployments(deployment_filter=ours, limit=_PAGE, sort=DeploymentSort.NAME_ASC)
    others = [each for each in found if each.name not in wanted]
    flows = {each.flow_id: (await client.read_flow(each.flow_id)).name for each in others}
    return [f"{flows[each.flow_id]}/{each.name}" for each in others]


def format_deployed(left_over: Sequence[str]) -> list[str]:
    """Return what a person is to know of deployments that are deployed no more."""
    return [f"{name} is deployed no more, and left alone: prefect deployment delete {name}" for name in left_over]
