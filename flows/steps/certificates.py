"""Signing certificates in guarded stages: added once, handed over by a hook, activated, removed when expired.

Graph removes a signing certificate only by a replacement of all of them, and a replica may lag behind: what it does
not show is lost by the replacement. So each stage looks until everything it knows of is shown.
"""

import asyncio
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from flows.errors import StepFailed
from flows.monitoring.signing_certificates import SigningCertificate, SigningCertificates, read_certificates
from flows.plan.certificates import CertificateChange
from flows.plan.outcome import StagedCertificate
from flows.steps.idempotency import create_once, find_existing, wait_limits
from graph_client import GraphClient
from graph_client.errors import NotFound, WaitExpired
from graph_client.models import SigningKeys


async def add_certificate(graph: GraphClient, change: CertificateChange) -> SigningCertificate:
    """Add the next certificate, inactive; it is added once, and looked for before the addition and any repetition.

    Raises:
        GraphError: Graph refused, or the outcome stayed unknown.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-addtokensigningcertificate
    """
    active = change.found.active
    # A run with another store may have added it already, or one of ours whose addition this replica does not show.
    existing = await find_existing(graph, lambda: _find_next(graph, change, active))
    if existing is None:
        await add_first_certificate(graph, change.service_principal_id, change.subject, change.ends_at)
    return await _wait_for_next(graph, change, active)


async def add_first_certificate(
    graph: GraphClient, service_principal_id: str, subject: str, ends_at: datetime | None
) -> None:
    """Add a certificate once; one with its subject that an unanswered request has added counts.

    Args:
        graph: A signed-in client.
        service_principal_id: Object id of the service principal.
        subject: Its subject, which no other certificate of the application has.
        ends_at: When it expires.

    Raises:
        ValueError: There is no such date.
        GraphError: Graph refused, or the outcome stayed unknown.
    """
    if ends_at is None:
        raise ValueError("a certificate to be added has a date on which it expires")

    async def add() -> str | None:
        made = await graph.signing_certificates.add(service_principal_id, display_name=subject, end_date_time=ends_at)
        return made.thumbprint or ""

    async def find() -> str | None:
        return await find_existing(graph, lambda: _find_subject(graph, service_principal_id, subject))

    await create_once(add, find, misleading=NotFound)


async def activate_certificate(graph: GraphClient, service_principal_id: str, thumbprint: str) -> None:
    """Have a certificate sign from now on, and wait until every read says so.

    Raises:
        WaitExpired: Graph took it, but does not show it in time.
        GraphError: Graph refused.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-update
    """
    await graph.signing_certificates.activate(service_principal_id, thumbprint)

    async def look() -> bool | None:
        keys = await graph.signing_certificates.get(service_principal_id)
        return (keys.preferred_token_signing_key_thumbprint or "").upper() == thumbprint or None

    bounds = wait_limits()
    await graph.wait_until(
        look, seen=bounds.good_reads, within_seconds=bounds.ready_seconds, interval_seconds=bounds.interval_seconds
    )


async def remove_expired(graph: GraphClient, change: CertificateChange) -> None:
    """Remove expired certificates, with every other key as it was just read.

    Raises:
        StepFailed: The reads do not settle: a replica does not show a key that another one shows.
        GraphError: Graph refused.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-update
    """
    gone = frozenset(key_id for each in change.removed for key_id in each.key_ids)
    fresh = await _read_steady(graph, change, gone)
    kept = [each for each in fresh.key_credentials if each.key_id not in gone]
    if len(kept) < len(fresh.key_credentials):
        await graph.signing_certificates.replace(change.service_principal_id, kept)


async def _read_steady(graph: GraphClient, change: CertificateChange, gone: frozenset[str]) -> SigningKeys:
    """Return the keys once all reads of a while agree: the active one among them, and none missing that any has shown.

    Only time tells: a certificate that someone else has just added may not have reached the replica that answers.

    Args:
        graph: A signed-in client.
        change: The planned change.
        gone: Ids of the keys to be removed, which another run may have removed meanwhile.
    """
    known, last, since, now = set(change.found.key_ids), frozenset[str](), 0.0, asyncio.get_running_loop().time
    bounds = wait_limits()

    async def look() -> SigningKeys | None:
        nonlocal last, since
        keys = await graph.signing_certificates.get(change.service_principal_id)
        shown = frozenset(each.key_id or "" for each in keys.key_credentials)
        known.update(shown)
        whole = known - gone <= shown and read_certificates(keys, graph.now()).is_whole
        if shown != last or not whole:
            last, since = shown, now()
        return keys if whole and now() - since >= bounds.steady_seconds else None

    try:
        return await graph.wait_until(
            look,
            seen=1,
            within_seconds=bounds.ready_seconds + bounds.steady_seconds,
            interval_seconds=bounds.interval_seconds,
        )
    except WaitExpired:
        # Cause: Graph's replicas still differ, or someone else is changing the certificates right now.
        raise StepFailed(
            "CertificatesUnsettled",
            f"Graph does not show the same certificates of {change.key} in every read.",
            "Nothing was removed, because a certificate that is not shown would be lost. Run it again later.",
        ) from None


async def _find_next(
    graph: GraphClient, change: CertificateChange, active: SigningCertificate | None
) -> SigningCertificate | None:
    return await _find(
        graph,
        change.service_principal_id,
        lambda found: next((each for each in found.certificates if _follows(each, active, change.subject)), None),
    )


def _follows(certificate: SigningCertificate, active: SigningCertificate | None, subject: str) -> bool:
    """Tell whether a certificate is the next one: the one that was to be added, or one that outlives the active one."""
    if certificate.state == "expired":
        return False
    return certificate.subject == subject or (active is not None and certificate.ends_at > active.ends_at)


async def _find_subject(graph: GraphClient, service_principal_id: str, subject: str) -> str | None:
    found = await _find(
        graph,
        service_principal_id,
        lambda found: next((each for each in found.certificates if each.subject == subject), None),
    )
    return found.thumbprint if found else None


async def _find(
    graph: GraphClient,
    service_principal_id: str,
    choose: Callable[[SigningCertificates], SigningCertificate | None],
) -> SigningCertificate | None:
    keys = await graph.signing_certificates.get(service_principal_id)
    return choose(read_certificates(keys, graph.now()))


async def _wait_for_next(
    graph: GraphClient, change: CertificateChange, active: SigningCertificate | None
) -> SigningCertificate:
    """Return the added certificate once every read shows it: a replacement of all keys does not lose it now."""
    bounds = wait_limits()
    return await graph.wait_until(
        lambda: _find_next(graph, change, active),
        seen=bounds.good_reads,
        within_seconds=bounds.ready_seconds,
        interval_seconds=bounds.interval_seconds,
    )


_LONGEST_SECONDS = 300.0
_LAST_LINES = 3


def hook_variables(change: CertificateChange, staged: StagedCertificate) -> dict[str, str]:
    """Return the environment variables of a hook; none of them is a secret."""
    return {
        "ENTRA_FLEET_HOOK_FLEET": change.fleet,
        "ENTRA_FLEET_HOOK_KEY": change.key,
        "ENTRA_FLEET_HOOK_APP_ID": change.app_id,
        "ENTRA_FLEET_HOOK_SERVICE_PRINCIPAL_ID": change.service_principal_id,
        "ENTRA_FLEET_HOOK_THUMBPRINT": staged.thumbprint,
        "ENTRA_FLEET_HOOK_CERTIFICATE": staged.public,
        "ENTRA_FLEET_HOOK_METADATA_URL": staged.metadata_url,
    }


async def run_hook(
    command: str,
    variables: Mapping[str, str],
    inherited: Mapping[str, str],
    *,
    longest_seconds: float = _LONGEST_SECONDS,
) -> None:
    """Run the hook, and return once it has succeeded.

    Args:
        command: The command and its arguments, as in a shell; no shell runs it.
        variables: What describes the instance and the certificate.
        inherited: The environment that it is given besides.
        longest_seconds: How long it may take.

    Raises:
        StepFailed: It could not be started, failed, or took too long; the text has its last lines.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command),
            env={**inherited, **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except (OSError, ValueError, TypeError) as error:
        raise _failed(variables, f"cannot be started: {error}") from None
    try:
        async with asyncio.timeout(longest_seconds):
            output, _ = await process.communicate()
    except TimeoutError:
        raise _failed(variables, f"did not end within {longest_seconds:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        last = " / ".join(output.decode("utf-8", "replace").split("\n")[-_LAST_LINES - 1 :]).strip(" /")
        raise _failed(variables, f"failed with exit code {process.returncode}: {last or 'it printed nothing'}")


def _failed(variables: Mapping[str, str], what: str) -> StepFailed:
    return StepFailed(
        "HookFailed",
        f"The certificate hook of {variables['ENTRA_FLEET_HOOK_KEY']} {what}",
        "Correct the hook, then activate again. Until then the certificate before signs, for as long as it is valid.",
    )
