"""Synchronization jobs, their control and their schemas.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob
"""

from typing import Any

from graph_emulator.handlers.call import Answer, Call, synchronized_principal
from graph_emulator.handlers.router import no_resource, split_path
from graph_emulator.provisioning.jobs import Job
from graph_emulator.provisioning.scheduler import RESTART_SCOPES
from graph_emulator.provisioning.schema import build_schema, in_form
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import allow_options
from graph_emulator.wire.problems import GraphProblem, bad_request, malformed

STATES = ("Active", "Disabled", "Paused")
PAIR = {"name": "string", "value": "string"}


def _context(call: Call, principal_id: str, tail: str = "") -> str:
    return call.context(f"servicePrincipals('{principal_id}')/synchronization/jobs{tail}")


def job_of(call: Call) -> Job:
    """The job in the path."""
    principal = synchronized_principal(call)
    return call.tenant.jobs.get(principal.id, call.parameters["jobId"], call.now)


def list_all(call: Call) -> Answer:
    """The jobs of a service principal."""
    allow_options(call.options, ())
    principal = synchronized_principal(call)
    jobs = [job.as_graph(call.now) for job in call.tenant.jobs.of(principal.id, call.now)]
    if not jobs and call.tenant.settings.no_jobs == "404":
        # Seen in a batch: jeevansd/SCIM-CodeAuthGrantDeprecation AGENTS.md, 2026-05-09. The code was not kept.
        raise GraphProblem(404, "ResourceNotFound", "There is no synchronization job of this service principal.")
    return Answer(200, {"@odata.context": _context(call, principal.id), "value": jobs})


def create(call: Call) -> Answer:
    """Create a job, not started."""
    types = {"templateId": "string", "schedule": "object", "synchronizationJobSettings": "object[]"}
    body = take(call.body, types, required=("templateId",))
    principal = synchronized_principal(call)
    pairs = [take(item, PAIR, required=("name",)) for item in body.get("synchronizationJobSettings") or ()]
    job = call.tenant.jobs.create(principal, body["templateId"])
    job.settings |= {pair["name"]: pair.get("value") or "" for pair in pairs}
    return Answer(201, {"@odata.context": _context(call, principal.id, "/$entity"), **job.as_graph(call.now)})


def get(call: Call) -> Answer:
    """One job."""
    allow_options(call.options, ())
    job = job_of(call)
    context = _context(call, job.principal.id, "/$entity")
    return Answer(200, {"@odata.context": context, **job.as_graph(call.now)})


def patch(call: Call) -> Answer:
    """Change the schedule or settings of a job; the effect is not documented."""
    types = {"schedule": "object", "synchronizationJobSettings": "object[]", "templateId": "string", "id": "string"}
    mode = call.tenant.settings.job_patch
    if mode == "unknown":
        # https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/3539
        raise no_resource(split_path(call.request.path)[1:])
    body, job = take(call.body, types), job_of(call)
    if mode == "refuse":
        raise bad_request("Update of a synchronization job is not supported.", "BadRequest")
    schedule = take(body.get("schedule") or {}, {"state": "string", "interval": "string", "expiration": "string"})
    if schedule.get("state") not in (None, *STATES):
        raise malformed(f"Requested value '{str(schedule['state'])[:50]}' was not found: synchronizationScheduleState.")
    pairs = [take(item, PAIR, required=("name",)) for item in body.get("synchronizationJobSettings") or ()]
    if mode == "apply":
        job.settings |= {pair["name"]: pair.get("value") or "" for pair in pairs}
        call.tenant.jobs.reschedule(job, schedule, call.now)
    return Answer(204)


def delete(call: Call) -> Answer:
    """Delete a job and its state; the secrets remain."""
    call.tenant.jobs.delete(job_of(call), call.now)
    return Answer(204)


def start(call: Call) -> Answer:
    """Start or resume a job."""
    call.tenant.jobs.start(job_of(call), call.now)
    return Answer(204)


def pause(call: Call) -> Answer:
    """Pause a job; the current cycle is completed."""
    call.tenant.jobs.pause(job_of(call))
    return Answer(204)


def restart(call: Call) -> Answer:
    """Restart a job; the portal sends empty criteria."""
    job = job_of(call)
    criteria = take(call.body, {"criteria": "object"}).get("criteria") or {}  # empty: the portal's Restart
    scope = take(criteria, {"resetScope": "string"}).get("resetScope") or ""
    flags = 0
    for name in filter(None, (part.strip() for part in scope.split(","))):
        # Names are compared as written: the case of enumerations matters here.
        if name not in RESTART_SCOPES:
            raise bad_request(f"Requested value '{name[:100]}' was not found: resetScope.", "BadRequest")
        flags |= RESTART_SCOPES[name]
    call.tenant.jobs.restart(job, flags, call.now)
    return Answer(204)


def schema_of(job: Job) -> dict[str, Any]:
    """The job's own schema, or the template's; its id is that of the job."""
    # Recorded: the id of a job's schema is the id of the job.
    return {**(job.schema or build_schema(job.principal.template, job.template_id)), "id": job.id}


def get_schema(call: Call) -> Answer:
    """The job's schema, its own or the template's."""
    allow_options(call.options, ())
    job = job_of(call)
    shown = in_form(schema_of(job), call.tenant.settings.schema_form)
    return Answer(200, {"@odata.context": _context(call, job.principal.id, f"('{job.id}')/schema/$entity"), **shown})


def put_schema(call: Call) -> Answer:
    """Replace the schema as a whole."""
    types = {
        "id": "string",
        "version": "string",
        "directories": "object[]",
        "synchronizationRules": "object[]",
    }
    schema = take(call.body, types, required=("synchronizationRules",))
    job = job_of(call)
    call.tenant.jobs.replace_schema(job, schema, call.now)
    return Answer(204)


def delete_schema(call: Call) -> Answer:
    """Return to the template's schema."""
    call.tenant.jobs.replace_schema(job_of(call), None, call.now)  # back to the template's default
    return Answer(204)
