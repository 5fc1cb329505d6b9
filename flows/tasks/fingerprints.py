"""The fingerprints of saved credentials: kept when something is saved, and compared at the next apply."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from flows.credentials.references import Secret
from flows.credentials.token_life import read_expiry
from flows.plan.credential_changes import compare_credentials, fingerprint_credentials
from flows.plan.plan import InstancePlan, Plan
from flows.run.context import run_context


async def compare_fingerprints(plan: Plan) -> Plan:
    """Return the plan that also saves credentials which have changed since they were saved.

    Raises:
        StoreError: The store cannot be read.
    """
    run = run_context()
    if run.fingerprint_key is None:
        return plan
    kept = await asyncio.to_thread(run.store.fingerprints.of_tenant, run.tenant_id)
    return await compare_credentials(plan, kept, run.fingerprint_key, run.sources.by_scheme)


async def store_fingerprints(plan: InstancePlan, service_principal_id: str, saved: Mapping[str, Secret]) -> None:
    """Write down the fingerprints of what was just saved, and when tokens among it end.

    Raises:
        StoreError: The store cannot be written.
    """
    run = run_context()
    if run.fingerprint_key is None:
        return
    fingerprints = fingerprint_credentials(plan, run.tenant_id, service_principal_id, run.fingerprint_key, saved)
    ends = {key: read_expiry(saved[key].value.get_secret_value()) for key in fingerprints}
    # Of the value while it passes through: it is never stored, and cannot be read back.
    expiries = {key: end for key, end in ends.items() if end}
    await asyncio.to_thread(run.store.fingerprints.keep, run.tenant_id, service_principal_id, fingerprints, expiries)


async def read_token_expiry(service_principal_id: str) -> datetime | None:
    """Return when the first saved token of an application ends, as far as tokens say so.

    Raises:
        StoreError: The store cannot be read.
    """
    run = run_context()
    expiries = await asyncio.to_thread(run.store.fingerprints.expiries, run.tenant_id)
    return expiries.get(service_principal_id.lower())
