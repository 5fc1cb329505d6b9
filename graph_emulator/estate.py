"""A tenant that has grown for years: service principals of every type, and jobs that no fleet file lists.

What a job of each kind looks like follows the recordings of jobs (a steady one of cloud sync, one that was just
started, a fresh one) and Microsoft's pages on quarantine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from graph_emulator.clock import guid, share, write_moment
from graph_emulator.directory.gallery import AWS, CLOUD_SYNC, COMPANIES, CROSS_TENANT, NON_GALLERY, PRODUCTS, Template
from graph_emulator.directory.new_objects import new_application, new_service_principal
from graph_emulator.directory.signing_certificates import make_certificate, make_credentials, thumbprint
from graph_emulator.provisioning.credentials import REJECTED
from graph_emulator.provisioning.cycles import Execution
from graph_emulator.provisioning.jobs import Job, Quarantine
from graph_emulator.settings import EmulatorSettings
from graph_emulator.tenant import Tenant

DAY = 86_400.0
_MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
_SAML_TOOLKIT = "229946b9-a9fb-45b8-9531-efa47453ac9e"
_LONG_STEADY = 400 * DAY
_MAIL = '{"Enabled":true,"Recipients":"identity@contoso.example"}'
_OAUTH = {"Oauth2AuthorizationCode": "code~of.the.estate", "Oauth2RefreshToken": "refresh~of.the.estate"}
_BASIC = {"BaseAddress": "https://target.example.com", "UserName": "provisioning", "Password": "estate~password"}
_BEARER = {"BaseAddress": "https://target.example.com/scim", "SecretToken": "estate~token"}

State = Literal["steady", "failing entries", "quarantined", "paused", "given up", "started", "fresh"]


@dataclass(frozen=True)
class Kind:
    """Service principals of one kind, and the state of their jobs."""

    template: str
    """Display name or id of the application template."""
    jobs: tuple[str, ...]
    state: State = "steady"
    days: float = 0.0
    """How long the job has been in this state."""
    reason: str = "EncounteredQuarantineException"
    secrets: Mapping[str, str] = field(default_factory=lambda: _BEARER)
    mail: bool = True


_CUSTOM = NON_GALLERY["global"]
_SAME_TARGET = {"CompanyId": guid("estate", "target tenant"), "AuthenticationType": "SyncPolicy"}
# A tenant of a hundred has the first five.
KINDS = (
    Kind(CLOUD_SYNC, ("AD2AADProvisioning", "AD2AADPasswordHash"), secrets={"Domain": '{"domain":"contoso.example"}'}),
    Kind("Snowflake for Microsoft Entra ID", ("snowFlake",), "quarantined", 22),
    Kind("Slack", ("slackOutDelta",), secrets=_OAUTH, mail=False),
    Kind("Azure Databricks SCIM Provisioning Connector", ("dataBricks",), "paused", 100),
    Kind(_CUSTOM, ("scim",), "fresh", secrets={}, mail=False),
    Kind(_CUSTOM, ("customappsso",)),
    Kind("Canva", ("canva",), secrets=_BEARER | _OAUTH),
    Kind("SuccessFactors to Microsoft Entra user provisioning", ("successFactors2AAD",), secrets=_BASIC),
    Kind(CROSS_TENANT, ("Azure2Azure",), secrets=_SAME_TARGET),
    Kind(CROSS_TENANT, ("Azure2Azure",), secrets=_SAME_TARGET),
    Kind(AWS, ("aws",), secrets={"ClientSecret": "estate~id", "SecretToken": "estate~token"}),
    Kind("Zoom", ("zoom",), "quarantined", 3, "TooManyDeletes"),
    Kind("Google Cloud / G Suite Connector by Microsoft", ("GoogV2OutDelta", "gsuite"), secrets=_OAUTH),
    Kind("Workday to Microsoft Entra user provisioning", ("workday2AAD",), "failing entries", secrets=_BASIC),
    Kind("Figma", ("figma",), "given up", 45),
    Kind("Miro", ("miro",), "started"),
    Kind("ServiceNow", ("ServiceNowOutDelta",), "paused", 10, secrets=_BASIC, mail=False),
)
EVERY = 20
"""One service principal in this many has jobs: five in a hundred."""
# Two of five are not applications: tenants with much Azure have many managed identities.
OTHER_TYPES = ("ManagedIdentity", "ManagedIdentity", "ManagedIdentity", "Legacy", "SocialIdp")


CERTIFICATE_DAYS = ((20,), (700,), (-40,), (400,), (25, 1_000), (900,), (), (250,), (-5, 880), (500,))
"""For how many days the certificates of an application with SAML are still valid; the first one was active.

One ends soon, one has ended, a successor is staged, none exists, and to one Entra has switched automatically.
"""
SAML_SUBJECT = "CN=Microsoft Azure Federated SSO Certificate"
"""The subject of those that the portal creates."""


def build_estate(tenant: Tenant, now: float) -> None:
    """Fill a tenant with service principals by its settings; the same seed gives the same estate."""
    settings, taken = tenant.settings, set[str]()
    by_name = {template.display_name: template for template in tenant.gallery.values()}
    for number in range(settings.estate):
        if number % EVERY == 3:
            kind = KINDS[number // EVERY % len(KINDS)]
            template = _template(tenant, by_name, kind.template)
            _add_provisioned(tenant, kind, template, _unique(_name(number, template), taken), now)
        else:
            value, template = _plain(tenant, number, now)
            tenant.directory.add_principal(value, template, now)
            if value["applicationTemplateId"] and number % 6 == 0:
                _add_single_sign_on(tenant, value, now)


def _template(tenant: Tenant, by_name: Mapping[str, Template], named: str) -> Template:
    if named == _CUSTOM:
        return tenant.gallery[NON_GALLERY[tenant.settings.cloud]]
    return tenant.gallery.get(named) or by_name[named]


def _name(number: int, template: Template) -> str:
    name = "Line of business" if template.is_custom else template.display_name
    return f"{COMPANIES[number * 7 % len(COMPANIES)]} {name}"


def _unique(name: str, taken: set[str]) -> str:
    number, chosen = 1, name
    while chosen in taken:
        number += 1
        chosen = f"{name} {number}"
    taken.add(chosen)
    return chosen


def _plain(tenant: Tenant, number: int, now: float) -> tuple[dict[str, Any], Template]:
    """A service principal without jobs: a managed identity, Microsoft's, a registration, or only single sign-on."""
    settings, toolkit = tenant.settings, tenant.gallery[_SAML_TOOLKIT]
    company, products = COMPANIES[number % len(COMPANIES)], tuple(PRODUCTS)
    name = f"{company} {products[number // len(COMPANIES) % len(products)]} {number}"
    # Numbers below zero, which no application that is instantiated has.
    application = new_application(settings, -number - 1, toolkit, name, None, write_moment(now))
    value = new_service_principal(settings.seed, -number - 1, toolkit, application, settings.tenant_id)
    if number % 5 in (2, 4):
        value["servicePrincipalType"] = OTHER_TYPES[number // 2 % len(OTHER_TYPES)]
        value |= {"applicationTemplateId": None, "tags": [], "homepage": None}
    elif share(settings.seed, number, "origin") < 0.5:
        own = share(settings.seed, number, "owner") < 0.4
        value |= {"applicationTemplateId": None, "appOwnerOrganizationId": settings.tenant_id if own else _MICROSOFT}
    return value, toolkit


def _add_single_sign_on(tenant: Tenant, value: dict[str, Any], now: float) -> None:
    """Sign people in by SAML, with certificates that were created three years before they expire."""
    place, settings = tenant.directory.next_certificate(), tenant.settings
    value["preferredSingleSignOnMode"] = "saml"
    value["notificationEmailAddresses"] = ["identity@contoso.example"] if place % 2 else []
    for days in CERTIFICATE_DAYS[place % len(CERTIFICATE_DAYS)]:
        start, end, parts = now + (days - 3 * 365) * DAY, now + days * DAY, ("estate", settings.seed, place, days)
        certificate = make_certificate(SAML_SUBJECT, start, end, place, *parts)
        keys, password = make_credentials(certificate, SAML_SUBJECT, start, end, settings.custom_key_identifier, *parts)
        value["keyCredentials"] += keys
        value["passwordCredentials"].append(password)
        value["preferredTokenSigningKeyThumbprint"] = value["preferredTokenSigningKeyThumbprint"] or thumbprint(
            certificate
        )


def _add_provisioned(tenant: Tenant, kind: Kind, template: Template, name: str, now: float) -> None:
    owner = next(iter(tenant.people.users), "")
    _, principal = tenant.directory.instantiate(template, name, None, owner, now)
    mail = {"SyncNotificationSettings": _MAIL} if kind.mail else {}
    tenant.secrets_of(principal.id).save({**kind.secrets, **mail}, merge=False, now=now, visible_at=now)
    for place, template_id in enumerate(kind.jobs):
        job = tenant.jobs.create(principal, template_id)
        _STATES[kind.state](job, kind, now - place, tenant.settings)
        tenant.jobs.keep_asleep(job)


def _ran(job: Job, ended: float, **counts: int) -> Execution:
    execution = Execution(job.id, job.life, job.cycle_number, False, ended - 60.0, ended)
    execution.counts = {"countEntitled": 40, "countImported": 40, **counts}
    return execution


def _steady(job: Job, kind: Kind, now: float, settings: EmulatorSettings) -> None:
    """A job with years of cycles, the last one minutes ago."""
    # Beyond the cycles in which people change: its events are older than the estate's log.
    job.was_started, job.schedule, job.initial_due = True, "Active", False
    job.cycle_number, job.dormant = settings.eventful_cycles + 1_000, True
    escrowed = 15 if kind.state == "failing entries" else 0
    job.last = job.last_successful = _ran(job, now - kind.days * DAY - 600.0, countEscrowed=escrowed)
    job.last_with_exports = _ran(job, now - kind.days * DAY - 3 * DAY, countExported=5)
    job.steady_first, job.steady_last = now - _LONG_STEADY, job.last.ends
    job.next_at = job.last.began + max(settings.cycle_seconds, 3_600.0)


def _paused(job: Job, kind: Kind, now: float, settings: EmulatorSettings) -> None:
    _steady(job, kind, now, settings)
    job.schedule = "Paused"


def _quarantined(job: Job, kind: Kind, now: float, settings: EmulatorSettings) -> None:
    _steady(job, kind, now, settings)
    began, tries = now - kind.days * DAY, int(kind.days) + 1
    error = {"code": REJECTED, "message": "Unauthorized (401): invalid bearer token", "tenantActionable": True}
    if kind.reason == "TooManyDeletes":
        error = {"code": kind.reason, "message": "The number of deletions exceeds the threshold of this job."}
        error["tenantActionable"] = True
    job.last = _ran(job, now - 3_600.0)
    job.last.error, job.failures_in_a_row, job.dormant = error, tries, False
    job.next_at = now + settings.quarantine_retry_seconds - 3_600.0
    job.quarantine = Quarantine(kind.reason, began, job.last.ends, job.next_at, tries, error)


def _given_up(job: Job, kind: Kind, now: float, settings: EmulatorSettings) -> None:
    """A job that was in quarantine for four weeks, and then disabled by the service."""
    _quarantined(job, kind, now, settings)
    job.schedule = "Disabled"
    # Graph disables a job after four weeks of quarantine, so its last attempt was then.
    job.last = _ran(job, now - (kind.days - 28) * DAY)


def _started(job: Job, _: Kind, now: float, settings: EmulatorSettings) -> None:
    """A job that was just started; its first cycle has not begun."""
    job.was_started, job.schedule, job.next_at = True, "Active", now + max(settings.start_delay_seconds, 2_400.0)


def _fresh(_job: Job, _: Kind, _now: float, _settings: EmulatorSettings) -> None:
    """A job that was created but never started."""


_STATES: Mapping[State, Callable[[Job, Kind, float, EmulatorSettings], None]] = {
    "steady": _steady,
    "failing entries": _steady,
    "paused": _paused,
    "quarantined": _quarantined,
    "given up": _given_up,
    "started": _started,
    "fresh": _fresh,
}
