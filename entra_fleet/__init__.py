"""The name by which Prefect finds our flows, wherever a run starts.

Prefect has a run begin in the folder that its deployment was made from, puts that folder before everything installed,
and many such folders hold a package `flows` of their own: Prefect's documentation lays projects out so. This package
has a name of its own, and makes sure that `flows` and what it imports are ours.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

_PACKAGES = ("flows", "graph_client")
_FLOWS = {
    "control_jobs": "control_jobs",
    "harvest_audits": "harvest",
    "harvest_logs": "harvest",
    "monitor_fleet": "monitor",
    "probe_connection": "probe",
    "probe_targets": "probe",
    "provision_fleet": "provision",
    "provision_on_demand": "on_demand",
    "provision_shard": "shard",
    "react_to_quarantine": "react",
    "restore_schema": "restore",
    "retire_instances": "retire",
    "rotate_certificates": "rotate",
    "rotate_credentials": "rotate",
    "watch_tenant": "watch_tenant",
}
"""The module of each flow that prefect.yaml deploys."""
_HOME = Path(__file__).parent.parent


def claim_packages() -> None:
    """Have this process import our packages where others of the same name come first on its path."""
    strangers = {name for name in _PACKAGES if not _is_ours(name)}
    for module in [each for each in sys.modules if each.partition(".")[0] in strangers]:
        del sys.modules[module]
    sys.path.insert(0, str(_HOME))
    try:
        importlib.invalidate_caches()
        # Once a package is there, all that is below it comes from the same place.
        for name in _PACKAGES:
            importlib.import_module(name)
    finally:
        sys.path.remove(str(_HOME))


def _is_ours(name: str) -> bool:
    module = sys.modules.get(name)
    return module is None or Path(module.__file__ or "").parent == _HOME / name


def __getattr__(name: str) -> Any:
    if name not in _FLOWS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    claim_packages()
    return getattr(importlib.import_module(f"flows.{_FLOWS[name]}"), name)
