"""Flow parameters as what they mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import WithJsonSchema

from flows.reconcile.fleet import Fleet
from flows.reconcile.fleet_file import fleet_from_object, load_fleet
from flows.reconcile.fleet_schema import fleet_parameter_schema

FleetParameter = Annotated[str | dict[str, Any], WithJsonSchema(fleet_parameter_schema())]
"""A flow's `fleet`. Prefect's server keeps parameters before a run reads them, and refuses by the schema."""


def read_fleet(fleet: str | Mapping[str, Any]) -> Fleet:
    """Return the fleet of a flow's `fleet` parameter: a path on the worker, or the content itself.

    Raises:
        FleetFileError: The file cannot be read or says something it may not.
    """
    return load_fleet(Path(fleet)) if isinstance(fleet, str) else fleet_from_object(fleet)
