"""`entra-fleet schema adopt`."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.arguments.options import FleetArgument, OneKeyOption, TenantOption
from flows.cli.commands.schema_export import look
from flows.cli.errors import CommandFailed
from flows.cli.output.console import stderr_console

if TYPE_CHECKING:
    from flows.mappings.models import Mappings


def command(fleet: FleetArgument, only: OneKeyOption, tenant: TenantOption = None) -> None:
    """Update the mappings file with edits made in the tenant. Changes nothing in the tenant."""
    from rich.text import Text

    from flows.fleet_file.loader import load_fleet
    from flows.mappings.diff import diff_mappings
    from flows.mappings.merge import desired_mappings
    from flows.plan.diff import select_instances
    from flows.plan.plan import FieldChange
    from flows.plan.text import format_change

    desired = load_fleet(fleet)
    (instance,) = select_instances(desired, [only])
    mappings = instance.mappings
    if mappings is None:
        raise CommandFailed(
            f"{only} has no mappings file.\nCreate one: entra-fleet schema export {fleet} --only {only}"
        )
    path = _file_of(mappings, only)
    found, problems = desired_mappings(mappings, None, None, look(desired, only, tenant).schema)
    if problems:
        raise CommandFailed(str(problems[0]))
    changed = diff_mappings(found)
    for each in changed:
        # The reverse of a plan: the file takes over what the tenant has.
        stderr_console().print(Text(format_change(FieldChange(each.field, each.after, each.before))), soft_wrap=True)
    if not changed:
        stderr_console().print(f"{path} already matches the job of {only}.", soft_wrap=True)
        return
    from flows.mappings.adopt import adopt_mappings, expected_mappings

    _rewrite(path, adopt_mappings(path.read_text(encoding="utf-8"), found), expected_mappings(mappings, found))
    stderr_console().print(f"{path}: {len(changed)} changes taken from {only}.", soft_wrap=True)


def _file_of(mappings: "Mappings", key: str) -> Path:
    root = mappings.places.of()
    if root.path or root.file.endswith(".json"):
        raise CommandFailed(
            f"The mappings of {key} are not in a YAML file of their own.\n"
            "Move them to one, and reference it in the fleet file: mappings: FILE."
        )
    return Path(root.file)


def _rewrite(path: Path, text: str, expected: "Mappings") -> None:
    """Write a mappings file, after checking that the result reads back as intended."""
    from pydantic import ValidationError

    from flows.documents.errors import FleetFileError
    from flows.documents.nodes import to_plain
    from flows.documents.yaml_reader import read_yaml
    from flows.mappings.models import Mappings

    try:
        says = Mappings.model_validate(to_plain(read_yaml(text, str(path)).node))
    except (FleetFileError, ValidationError):
        says = None
    if says != expected:
        raise CommandFailed(
            f"{path} cannot be updated automatically and was left unchanged.\nUse schema export, or edit it by hand."
        )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"Cannot write {path}: {error.strerror}.") from None
