"""What is wrong with a job, by the rules of `findings.toml`, to which anybody can add."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from flows.formatting import format_iso
from flows.store import TenantJob, TenantPrincipal


@dataclass(frozen=True)
class Rule:
    """An entry of the file; the file says what the fields mean."""

    rule: str
    text: str
    advice: str
    source: str
    notice: bool = False
    signs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    secret_keys: Sequence[str] = ()
    has_secrets: bool = False
    states: Sequence[str] = ()
    schedules: Sequence[str] = ()
    no_recipients: bool = False
    same_target: bool = False
    certificate: Mapping[str, Any] = field(default_factory=dict)
    for_days: float | None = None
    since: Literal["quarantine", "last_execution", "found"] | None = None
    until_days: float | None = None
    until: date | None = None


@dataclass(frozen=True)
class Finding:
    """What a rule says of a job."""

    rule: str
    text: str
    advice: str
    source: str
    since: datetime | None = None
    until: datetime | None = None
    notice: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what `inventory --output json` prints of it."""
        return {
            "rule": self.rule,
            "text": self.text,
            "advice": self.advice,
            "since": format_iso(self.since),
            "until": format_iso(self.until),
            "source": self.source,
        }


@dataclass(frozen=True)
class TargetUser:
    """A job that leads to the same target as another."""

    service_principal_id: str
    name: str
    """Fleet and key, or the display name of the application."""


@dataclass(frozen=True)
class Facts:
    """What the rules look at: a job, its service principal, and the targets that several jobs share."""

    job: TenantJob
    principal: TenantPrincipal
    shared_targets: Mapping[tuple[str, str], Sequence[TargetUser]] = field(default_factory=dict)

    @property
    def secret_keys(self) -> tuple[str, ...] | None:
        """The keys of the saved credentials; None where they cannot be read."""
        connection = self.principal.connection
        return None if connection is None else tuple(connection.get("keys") or ())

    @property
    def target(self) -> tuple[str, str] | None:
        """The synchronization template and the tenant it leads to, of a cross-tenant job."""
        return find_target(self.job, self.principal)


@cache
def rules() -> tuple[Rule, ...]:
    """Return the rules, in the order of the file."""
    text = files("flows.monitoring").joinpath("findings.toml").read_text("utf-8")
    return tuple(Rule(**entry) for entry in tomllib.loads(text)["finding"])


def find_target(job: TenantJob, principal: TenantPrincipal) -> tuple[str, str] | None:
    """Return the synchronization template and the tenant that a job leads to, where its settings tell."""
    company = (principal.connection or {}).get("company_id")
    # CompanyId is the tenant that a cross-tenant job provisions to.
    return (job.synchronization_template_id or "", str(company).lower()) if company else None


def find_shared_targets(
    pairs: Collection[tuple[TenantJob, TenantPrincipal]],
) -> dict[tuple[str, str], list[TargetUser]]:
    """Return the targets that more than one job leads to, with those jobs."""
    targets: dict[tuple[str, str], list[TargetUser]] = {}
    for job, principal in pairs:
        # A deleted job leads nowhere.
        target = None if job.gone_at else find_target(job, principal)
        if target:
            name = f"{principal.fleet}/{principal.key}" if principal.fleet else principal.display_name
            user = TargetUser(job.service_principal_id, name or job.service_principal_id)
            targets.setdefault(target, []).append(user)
    return {target: jobs for target, jobs in targets.items() if len(jobs) > 1}


def evaluate(facts: Facts, now: datetime) -> list[Finding]:
    """Return what the rules say of a job at a moment, and of the certificate that signs for its application."""
    found = [_evaluate(rule, facts, now) for rule in rules() if not rule.certificate]
    return [*filter(None, found), *evaluate_certificate(facts.principal, now)]


def evaluate_certificate(principal: TenantPrincipal, now: datetime) -> list[Finding]:
    """Return what the rules say of the signing certificate of an application, with jobs or without."""
    known = principal.certificates or {}
    ends_at = read_expiry(principal)
    if ends_at is None:
        return []
    return [
        Finding(rule.rule, rule.text, rule.advice, rule.source, None, ends_at, rule.notice)
        for rule in rules()
        if rule.certificate and _expires(rule.certificate, ends_at - now, staged=bool(known.get("staged")))
    ]


def read_expiry(principal: TenantPrincipal) -> datetime | None:
    """Return when the certificate expires that signs for an application; None if none does, or it is not known."""
    text = (principal.certificates or {}).get("expires")
    return datetime.fromisoformat(text) if text else None


def _expires(wanted: Mapping[str, Any], left: timedelta, *, staged: bool) -> bool:
    if wanted.get("staged") and not staged:
        return False
    later = "beyond_days" not in wanted or left > timedelta(days=wanted["beyond_days"])
    return later and left <= timedelta(days=wanted["within_days"])


def _evaluate(rule: Rule, facts: Facts, now: datetime) -> Finding | None:
    since = _since(rule, facts.job)
    lasts = rule.for_days is None or (since is not None and now - since > timedelta(days=rule.for_days))
    if not (lasts and _shows(rule, facts) and _is_in_state(rule, facts) and _has_secrets(rule, facts)):
        return None
    until = since + timedelta(days=rule.until_days) if since and rule.until_days else None
    # A date of Microsoft's goes before one that is counted from the job.
    if rule.until is not None:
        until = datetime.combine(rule.until, time(), UTC)
    return Finding(rule.rule, _word(rule, facts), rule.advice, rule.source, since, until, rule.notice)


def _word(rule: Rule, facts: Facts) -> str:
    """Return the text of a finding; which other jobs have its target is part of it."""
    if not rule.same_target or facts.target is None:
        return rule.text
    users = facts.shared_targets.get(facts.target, ())
    others = sorted(each.name for each in users if each.service_principal_id != facts.job.service_principal_id)
    return f"{rule.text} It is {facts.target[1]}, and the other is {', '.join(others)}."


def _since(rule: Rule, job: TenantJob) -> datetime | None:
    if rule.since == "quarantine":
        return job.since
    if rule.since == "last_execution":
        return job.last_execution_at or job.last_success_at or job.first_seen_at
    return job.first_seen_at if rule.since == "found" else None


def _shows(rule: Rule, facts: Facts) -> bool:
    if not rule.signs:
        return True
    shown = {
        "application_templates": (facts.principal.application_template_id or "",),
        "synchronization_templates": (facts.job.synchronization_template_id or "",),
        "secret_keys": facts.secret_keys or (),
    }
    return any(_is_any(value, wanted) for name, wanted in rule.signs.items() for value in shown[name])


def _is_any(value: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(value.lower(), pattern.lower()) for pattern in patterns)


def _is_in_state(rule: Rule, facts: Facts) -> bool:
    job = facts.job
    if rule.same_target and facts.target not in facts.shared_targets:
        return False
    return (not rule.states or job.state in rule.states) and (not rule.schedules or job.schedule in rule.schedules)


def _has_secrets(rule: Rule, facts: Facts) -> bool:
    keys = facts.secret_keys
    if keys is None:
        # What cannot be read is no fault; a rule about certain keys is left to its other conditions.
        return not (rule.no_recipients or rule.has_secrets)
    if rule.no_recipients and (facts.principal.connection or {}).get("notification_email"):
        return False
    return (not rule.has_secrets or bool(keys)) and set(rule.secret_keys) <= set(keys)
