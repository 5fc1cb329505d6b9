"""How long an operation takes.

The service publishes no figures: these are plausible medians in seconds, with a long tail, and the order between
operations is what matters. Validation and provisioning on demand call the target system, so they are the slowest.
"""

import math

from graph_emulator.identifiers import share
from graph_emulator.settings import EmulatorSettings

MEDIANS = {
    "instantiate": 1.4,
    "create_job": 0.7,
    "start_job": 0.6,
    "restart_job": 0.6,
    "put_secrets": 0.5,
    "put_schema": 0.9,
    "discover": 3.0,
    "validate_credentials": 2.2,
    "validate_job_credentials": 2.2,
    "provision_on_demand": 7.0,
    "list_provisioning_events": 0.9,
    "list_application_templates": 0.5,
    "list_synchronization_templates": 0.35,
    "list_jobs": 0.25,
    "get_job": 0.25,
    "get_schema": 0.35,
    "batch": 0.4,
    "token": 0.15,
}
OTHER_READ, OTHER_WRITE = 0.09, 0.25
SPREAD = 0.45
LONGEST = 4.0
READS = ("list_", "get_", "count_", "openid", "instance", "signing", "cloud")


def choose_latency(settings: EmulatorSettings, operation: str, sequence: int) -> float:
    """Seconds until the answer to a request leaves, the same for the same seed and request."""
    if settings.latency == "even":
        return settings.latency_seconds
    default = OTHER_READ if operation.startswith(READS) else OTHER_WRITE
    # Two dice make a bell by Box and Muller; the logarithm of a latency lies about on a bell.
    first = 1.0 - share(settings.seed, "latency", sequence)
    second = share(settings.seed, "latency angle", sequence)
    bell = math.sqrt(-2 * math.log(first)) * math.cos(2 * math.pi * second)
    factor = min(math.exp(SPREAD * bell), LONGEST)
    return settings.latency_seconds + settings.latency_scale * MEDIANS.get(operation, default) * factor
