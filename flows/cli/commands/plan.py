"""`entra-fleet plan`, and the file of a reviewed plan: written by `plan --out`, applied by `apply --plan-file`."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from flows.cli.errors import FAILED, CommandFailed
from flows.cli.options import (
    DEFAULT_FLEET,
    FleetArgument,
    ForceOption,
    OnlyOption,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    VerboseOption,
)
from flows.cli.output.console import print_json, print_lines, stderr_console, stdout_console

if TYPE_CHECKING:
    from flows.configuration.sign_in import Identity
    from flows.fleet_file.models import Fleet
    from flows.plan.plan import Plan


_DIFFERENCES_SHOWN = 2


@dataclass(frozen=True)
class PlanOptions:
    """What a plan depends on besides the fleet file and the tenant."""

    only: list[str] | None = None
    save_credentials: bool = False
    force: bool = False


@dataclass(frozen=True)
class PlanFile:
    """A plan that was reviewed."""

    path: Path
    fleet: str
    digest: str
    options: PlanOptions
    instances: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """What `plan --output json` printed of each instance, by key."""
    digests: Mapping[str, str] = field(repr=False)
    """The digest of each instance's plan, by key."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a plan file.

        Raises:
            CommandFailed: There is no such file, or `plan --out` did not write it.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                path,
                document["fleet"],
                document["digest"],
                PlanOptions(**document["options"]),
                {each["key"]: each for each in document["plan"]["instances"]},
                dict(document["digests"]),
            )
        except OSError as error:
            # Cause: --plan-file cannot be read.
            raise CommandFailed(f"{path}: {error.strerror}", "Create one with plan --out.") from None
        except (ValueError, KeyError, TypeError):
            raise CommandFailed(f"{path} is not a plan file.", "Create one with plan --out.") from None

    def outdated_by(self, plan: "Plan") -> CommandFailed:
        """Return the error for a plan that no longer matches: what differs, in a line or two."""
        now = {each.key: each for each in plan.instances}
        different = [
            _difference(key, self.instances.get(key), found.as_json() if found else None)
            for key, found in {**dict.fromkeys(self.digests), **now}.items()
            if found is None or self.digests.get(key) != found.digest
        ]
        more = f" And {len(different) - _DIFFERENCES_SHOWN} more." if len(different) > _DIFFERENCES_SHOWN else ""
        what = " ".join(different[:_DIFFERENCES_SHOWN]) or "It is for another fleet or tenant."
        # Cause: The fleet file or the tenant has changed since the plan of --plan-file was made.
        return CommandFailed(
            f"{self.path} is out of date; nothing was written.\n{what}{more}",
            "Run plan again, and review the new plan.",
        )


def write_plan_file(path: Path, plan: "Plan", options: PlanOptions) -> None:
    """Write a plan file that only its owner can read.

    Raises:
        CommandFailed: The file cannot be written.
    """
    document = {
        "fleet": plan.fleet,
        "tenant_id": plan.tenant_id,
        "digest": plan.digest,
        "options": asdict(options),
        "planned_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "digests": {each.key: each.digest for each in plan.instances},
        "plan": plan.as_json(),
    }
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)  # an existing file would keep its mode
            json.dump(document, file, indent=2, ensure_ascii=False)
    except OSError as error:
        # Cause: The file of --out cannot be written.
        raise CommandFailed(f"{path}: {error.strerror}", "Name a file in a directory that you can write to.") from None


def _difference(key: str, reviewed: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    """Return how the plan of an instance differs from the reviewed one."""
    if reviewed is None or now is None:
        return f"{key}: {'was not in the plan' if reviewed is None else 'is no longer in the file'}."
    if reviewed["action"] != now["action"]:
        return f"{key}: {reviewed['action']} became {now['action']}."
    before, after = (
        {(each["field"], each["before"], each["after"]) for each in plan["changes"]} for plan in (reviewed, now)
    )
    if fields := sorted({field for field, *_ in before ^ after}):
        return f"{key}: {', '.join(fields)}."
    return f"{key}: its fields in the file or its objects in the tenant changed."


CHANGES = 2


def command(
    fleet: FleetArgument = DEFAULT_FLEET,
    out: Annotated[
        Path | None, typer.Option(metavar="PLAN", help="Write the plan to a file, for apply --plan-file.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the plan as Markdown, for a pull request.")
    ] = None,
    only: OnlyOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
    save_credentials: Annotated[
        bool, typer.Option(help="Plan to save credentials again even if they are already saved.")
    ] = False,
    force: ForceOption = False,
    detailed_exitcode: Annotated[bool, typer.Option(help="Exit with code 2 if there are changes.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Show what apply would change, and why. Writes nothing and reads no secrets.

    Exits with 1 if there are conflicts.
    """
    from rich.text import Text

    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances
    from flows.plan.safety import find_refusal

    use_store(store)
    options = PlanOptions(only, save_credentials, force)
    desired = load_fleet(fleet)
    # A wrong key is refused before the tenant is read.
    select_instances(desired, options.only)
    plan = make_plan(desired, tenant, options)
    if out:
        write_plan_file(out, plan, options)
    refusal = find_refusal(plan, force=force)
    if markdown:
        _write_markdown(markdown, plan, refusal)
    if output is Output.JSON:
        print_json(plan.as_json())
    else:
        from flows.cli.output.changes import show_plan

        show_plan(plan, stdout_console(), verbose=verbose)
        if refusal:
            print_lines([Text(f"Apply will refuse this plan: {refusal}", "red")], stdout_console())
    if plan.has_conflicts:
        raise typer.Exit(FAILED)
    if detailed_exitcode and plan.has_changes:
        # A review approves what is dangerous, but not what exceeds a limit.
        raise typer.Exit(FAILED if find_refusal(plan, force=force, digest=plan.digest) else CHANGES)


def _write_markdown(path: Path, plan: "Plan", refusal: Exception | None) -> None:
    from flows.plan.text import format_plan_markdown

    try:
        path.write_text(format_plan_markdown(plan, refusal), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        # Cause: The file of --markdown cannot be written.
        raise CommandFailed(f"{path}: {error.strerror}", "Name a file in a directory that you can write to.") from None


def make_plan(fleet: "Fleet", tenant: str | None, options: PlanOptions, *, compare_credentials: bool = False) -> "Plan":
    """Read the tenant and return what an apply would do.

    Args:
        fleet: The desired state.
        tenant: EntraTenant block to sign in with; None for the environment.
        options: What else the plan depends on.
        compare_credentials: Also read the secrets, and plan to save those that have changed.
    """
    with stderr_console().status("reading the tenant"):
        return asyncio.run(_plan(fleet, tenant, options, compare_credentials=compare_credentials))


async def _plan(fleet: "Fleet", tenant: str | None, options: PlanOptions, *, compare_credentials: bool) -> "Plan":
    from flows.configuration.sign_in import open_client_as, read_identity
    from flows.configuration.target_tenants import TargetTenants
    from flows.plan.diff import diff_fleet
    from flows.plan.known_state import read_known_state
    from flows.plan.schema_changes import estimate_scopes
    from flows.tenant.observe import observe_fleet
    from graph_client.parallel import gather

    identity = await read_identity(tenant, fleet.tenant_id)
    async with open_client_as(identity, fleet.tenant_id) as (graph, _), TargetTenants(identity) as targets:
        observed, memory = await gather(observe_fleet(graph, fleet, options.only, targets), read_known_state(fleet))
        plan = diff_fleet(
            fleet,
            observed,
            memory=memory,
            only=options.only,
            save_all=options.save_credentials,
            force=options.force,
            now=graph.now(),
        )
        plan = await estimate_scopes(graph, plan)
    return await _compare_credentials(plan, identity) if compare_credentials else plan


async def _compare_credentials(plan: "Plan", identity: "Identity") -> "Plan":
    from flows.configuration.environment import environment
    from flows.credentials.fingerprint import fingerprint_key
    from flows.credentials.sources import Sources
    from flows.plan.credential_changes import compare_credentials
    from flows.store import existing_store

    url = environment().store_url
    store = await asyncio.to_thread(existing_store, url)
    if store is None:
        return plan
    with store:
        kept = await asyncio.to_thread(store.fingerprints.of_tenant, plan.tenant_id)
    # Without fingerprints there is nothing to compare with, and without the key they mean nothing.
    key = fingerprint_key(identity, url) if kept else None
    if key is None:
        return plan
    async with Sources(identity) as sources:
        return await compare_credentials(plan, kept, key, sources.by_scheme)
