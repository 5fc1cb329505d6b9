"""Flow parameters as what they mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.reconcile.fleet import Fleet
from flows.reconcile.fleet_file import fleet_from_object, load_fleet


def read_fleet(fleet: str | Mapping[str, Any]) -> Fleet:
    """Return the fleet of a flow's `fleet` parameter: a path on the worker, or the content itself.

    Raises:
        FleetFileError: The file cannot be read or says something it may not.
    """
    return load_fleet(Path(fleet)) if isinstance(fleet, str) else fleet_from_object(fleet)
