"""Fleets of any size."""

from typing import Any

from graph_emulator import EmulatorSettings

TEMPLATE = "Box"


def fleet_of(instances: int) -> dict[str, Any]:
    """A fleet of so many instances, their one secret in the environment variable TOKEN."""
    return {
        "fleet": "benchmark",
        "tenant_id": EmulatorSettings().tenant_id,
        "defaults": {"template": TEMPLATE, "scope": "all", "credentials": {"SecretToken": "${env:TOKEN}"}},
        "instances": [{"key": f"k{n:05}", "display_name": f"Application {n:05}"} for n in range(instances)],
    }
