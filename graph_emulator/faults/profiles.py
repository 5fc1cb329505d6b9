"""Named profiles of tenants: the settings that they change, and their fault rules."""

from dataclasses import dataclass, field
from typing import Any

from graph_emulator.faults.rules import FaultRule
from graph_emulator.scim.server import FAULTS
from graph_emulator.settings import EmulatorError, EmulatorSettings


@dataclass(frozen=True, slots=True)
class Profile:
    """Changed defaults, and fault rules."""

    summary: str
    settings: dict[str, Any] = field(default_factory=dict)
    rules: tuple[FaultRule, ...] = ()


def _lost(status: int, **where: Any) -> FaultRule:
    return FaultRule("status", status=status, after_commit=True, **where)


PROFILES: dict[str, Profile] = {
    "calm": Profile("nothing goes wrong and nothing lags"),
    "laggy": Profile(
        "new objects appear late and flap, logs and propagation take their time",
        {
            "replication_lag_seconds": 4.0,
            "change_lag_seconds": 0.5,
            "key_credentials_lag_seconds": 3.0,
            "templates_lag_seconds": 6.0,
            "propagation_seconds": 3.0,
            "index_lag_seconds": 5.0,
            "secrets_lag_seconds": 1.0,
            "policy_lag_seconds": 2.0,
            "log_latency_seconds": 4.0,
            "late_event_share": 0.05,
            "late_event_seconds": 12.0,
            "latency_seconds": 0.05,
            "not_replicated": (404, 404, 403, 409),
        },
    ),
    "throttled": Profile(
        "the documented budgets hold, and some requests meet a 429 besides",
        {"throttling": True},
        (
            FaultRule("status", status=429, probability=0.05, retry_after="1"),
            # Microsoft's page has an example with a fraction.
            FaultRule("status", status=429, probability=0.02, retry_after="0.5"),
            FaultRule("status", status=429, probability=0.02, retry_after="date:2"),
            # Reported: a 429 for a write that had happened (Microsoft Q&A 5529013).
            FaultRule("status", status=429, method="write", probability=0.02, retry_after="1", after_commit=True),
        ),
    ),
    "flaky": Profile(
        "a share of all requests fails before anything was done",
        {},
        (
            FaultRule("status", status=503, probability=0.04, retry_after="1"),
            FaultRule("status", status=500, probability=0.02),
            FaultRule("status", status=502, probability=0.02),
            FaultRule("status", status=504, probability=0.02),
            FaultRule("html", status=502, probability=0.02),
            FaultRule("reset", probability=0.03),
        ),
    ),
    "lossy": Profile(
        "answers are lost after the write was done",
        {},
        (
            FaultRule("reset", operation="instantiate", occurrence=1, after_commit=True),
            _lost(503, operation="instantiate", occurrence=3, retry_after="1"),
            # Graph is known to answer 404 although it created the application.
            _lost(404, operation="instantiate", occurrence=5),
            _lost(504, operation="create_job", occurrence=2),
            FaultRule("reset", operation="create_job", occurrence=4, after_commit=True),
            _lost(503, method="write", probability=0.05, retry_after="1"),
            _lost(404, method="write", probability=0.03),
            FaultRule("reset", method="write", probability=0.05, after_commit=True),
        ),
    ),
    "hostile": Profile(
        "answers are broken, strange, or lead elsewhere",
        {},
        (
            FaultRule("hostile_next_link", method="GET", probability=0.03),
            FaultRule("truncate", probability=0.03),
            FaultRule("html", status=502, method="GET", probability=0.03),
            FaultRule("unknown_enum", method="GET", probability=0.2),
            FaultRule("missing_schedule", method="GET", probability=0.1),
            # A pause longer than any client waits.
            FaultRule("status", status=429, occurrence=25, retry_after="86400"),
        ),
    ),
    "expiring": Profile(
        "tokens are refused long before they say they expire",
        {"token_valid_seconds": 3.0},
        (FaultRule("expired_token", probability=0.03),),
    ),
    "realistic": Profile(
        "every operation takes about as long as in the service, and new objects need seconds to be everywhere",
        {"latency": "realistic", "replication_lag_seconds": 8.0, "templates_lag_seconds": 12.0},
    ),
    **{name: Profile(summary, {"target_fault": name}) for name, summary in FAULTS.items()},
}


def profile_named(names: str) -> Profile:
    """The profile with a name, or several joined by `+`: later settings win, all rules apply.

    Raises:
        EmulatorError: there is no such profile.
    """
    chosen = []
    for name in names.split("+"):
        profile = PROFILES.get(name.strip())
        if profile is None:
            raise EmulatorError(f"unknown profile {name.strip()!r}; known: {', '.join(PROFILES)}, joined by +")
        chosen.append(profile)
    settings = {name: value for profile in chosen for name, value in profile.settings.items()}
    rules = tuple(rule for profile in chosen for rule in profile.rules)
    return Profile("; ".join(profile.summary for profile in chosen), settings, rules)


def apply_profile(settings: EmulatorSettings) -> EmulatorSettings:
    """The settings with those of the profile; explicitly set fields are unchanged.

    Raises:
        EmulatorError: there is no such profile.
    """
    profile = profile_named(settings.profile)
    return settings.with_changes(**{n: v for n, v in profile.settings.items() if n not in settings.given})
