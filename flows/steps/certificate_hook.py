"""The hook that hands a staged certificate to the service provider: a command of the operator.

Environment variables name the instance and the certificate; it succeeds with exit code 0. It may be run again for
the same certificate: it has to make sure that the service provider knows it, and not to add it twice.
"""

import asyncio
import shlex
from collections.abc import Mapping
from contextlib import suppress

from flows.errors import StepFailed
from flows.plan.certificates import CertificateChange
from flows.plan.outcome import StagedCertificate

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
