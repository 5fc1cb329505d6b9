"""test-connection: check that an EntraTenant block can sign in, and which permissions it has."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.configuration.environment import EnvironmentIncomplete
from flows.configuration.sign_in import UnknownBlock, open_client
from flows.plan.preflight import EVERYTHING, READING, Check, Preflight, check_log, check_permissions
from flows.run.artifacts import publish_connection
from flows.run.redaction import install_log_filter
from flows.tasks.mapped import redacted_task
from graph_client.errors import GraphError


@flow(name="test-connection", flow_run_name="test connection {tenant}", persist_result=False)
async def probe_connection(
    tenant: Annotated[str, Field(min_length=1)],
    reading_only: bool = False,
) -> State:
    """Sign in, and report which permissions are granted and which are missing. Writes nothing.

    Args:
        tenant: EntraTenant block to sign in with.
        reading_only: Skip the permissions that only apply needs.
    """
    install_log_filter()
    found = await check_sign_in(tenant, reading_only)
    await publish_connection(tenant, found)
    if not found.checks[0].ok:  # the sign-in itself
        return Failed(message=found.checks[0].message, data=found)
    if found.failed:
        return Completed(name="PartiallyCompleted", message=f"{found.failed} of {len(found.checks)} checks failed")
    return Completed(message=found.checks[0].message, data=found)


@redacted_task("sign-in")
async def check_sign_in(tenant: str, reading_only: bool) -> Preflight:
    """Sign in with the block, and compare the token's roles with what the commands need."""
    try:
        async with open_client(tenant) as (graph, claims):
            who = f"application {claims.app_id}" if claims.app_id else "an opaque token"
            signed = Check("sign-in", True, f"tenant {claims.tenant_id or 'unknown'} as {who}")
            roles = Check("roles", True, ", ".join(sorted(claims.roles)) or "none shown in the token")
            permissions = check_permissions(READING if reading_only else EVERYTHING, claims)
            return Preflight(None, [signed, roles, *permissions, *await check_log(graph, claims)])
    except (UnknownBlock, EnvironmentIncomplete, GraphError) as error:
        return Preflight(None, [Check.failed("sign-in", error)])
