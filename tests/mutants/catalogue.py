"""Small ways to break the product, each with the tests that must notice."""

from dataclasses import dataclass

CREATED_ONCE = "tests/proof/test_fault_matrix.py"
PROVISIONED = "tests/flows/test_provision.py"
MAPPED = "tests/flows/test_mappings.py"
ON_RECORD = "tests/conformance/test_emulator.py"
READ_BACK = "tests/conformance/test_client.py"


@dataclass(frozen=True)
class Mutant:
    """A text that occurs once in a file, what stands there instead, and who must fail then."""

    name: str
    file: str
    text: str
    instead: str
    killers: tuple[str, ...]


MUTANTS = (
    Mutant(
        "repeat a create without looking for it",
        "flows/steps/idempotency.py",
        "if (found := await find()) is not None:",
        "if (found := None) is not None:",
        (CREATED_ONCE,),
    ),
    Mutant(
        "let the client repeat what must not be repeated",
        "graph_client/retry.py",
        "if call.repeat is Repeat.NEVER or isinstance(error, QuotaExceeded):",
        "if isinstance(error, QuotaExceeded):",
        ("tests/graph_client/test_retry.py", "tests/graph_client/test_answers.py"),
    ),
    Mutant(
        "skip validation",
        "flows/provision.py",
        "if authorize and plan.instance.credentials:",
        "if False and plan.instance.credentials:",
        (PROVISIONED,),
    ),
    Mutant(
        "start before credentials are saved",
        "flows/provision.py",
        "    validated = await save_credentials(plan, placed) if authorize else False\n",
        "    await start_job(plan, placed, outcome.job_id, True, None)\n"
        "    validated = await save_credentials(plan, placed) if authorize else False\n",
        (PROVISIONED,),
    ),
    Mutant(
        "take masked keys for evidence",
        "flows/steps/job.py",
        "if not (start.validated or start.has_run):",
        "if False and not (start.validated or start.has_run):",
        ("tests/proof/test_starts.py",),
    ),
    Mutant(
        "take the first job for ours",
        "flows/monitoring/own_job.py",
        "if wanted is None and len(found) <= 1:",
        "if wanted is None:",
        ("tests/proof/test_own_job.py",),
    ),
    Mutant(
        "drop the rename",
        "flows/provision.py",
        "if plan.touches(*DESCRIPTION):",
        "if False and plan.touches(*DESCRIPTION):",
        (PROVISIONED,),
    ),
    Mutant(
        "write the mask back",
        "flows/steps/credentials.py",
        "    if lost:\n",
        "    if lost and False:\n",
        ("tests/flows/test_provision_credentials.py",),
    ),
    Mutant(
        "lift the quarantine of held deletions",
        "flows/plan/changes.py",
        "if health.held_by == TOO_MANY_DELETES:",
        "if False and health.held_by == TOO_MANY_DELETES:",
        ("tests/plan/test_diff_jobs.py",),
    ),
    Mutant(
        "override somebody else's pause",
        "flows/plan/changes.py",
        'return paused_by == "us" or (paused_by == "someone" and force)',
        'return paused_by in {"us", "someone"}',
        ("tests/plan/test_diff_jobs.py",),
    ),
    Mutant(
        "make a second application beside a namesake",
        "flows/plan/safety.py",
        "if namesakes := observed.namesakes.get((template_id, instance.display_name)):",
        "if namesakes := observed.namesakes.get((template_id, instance.key)):",
        ("tests/plan/test_diff.py",),
    ),
    Mutant(
        "apply although two bear the mark",
        "flows/plan/safety.py",
        "if len(bearers) > 1:",
        "if len(bearers) > 2:",
        ("tests/plan/test_diff.py",),
    ),
    Mutant(
        "ignore Retry-After",
        "graph_client/retry.py",
        "    if asked is not None:\n",
        "    if asked is not None and False:\n",
        ("tests/graph_client/test_retry.py",),
    ),
    Mutant(
        "send the token wherever a link leads",
        "graph_client/protocol.py",
        "    if not same_origin(url, graph_url):\n",
        "    if not same_origin(url, url):\n",
        ("tests/graph_client/test_protocol.py",),
    ),
    Mutant(
        "work on with another tenant's token",
        "flows/configuration/sign_in.py",
        "if expected_tenant_id and claims.tenant_id and claims.tenant_id.lower() != expected_tenant_id:",
        "if False and expected_tenant_id and claims.tenant_id:",
        ("tests/cli/test_bad_input.py",),
    ),
    Mutant(
        "harvest without overlap",
        "flows/monitoring/harvest.py",
        "resumed = min(watermark, end) - overlap",
        "resumed = min(watermark, end)",
        ("tests/monitoring/test_harvest_exactly_once.py", "tests/monitoring/test_harvest.py"),
    ),
    Mutant(
        "do something else than was reviewed",
        "flows/provision.py",
        "refusal = find_refusal(plan, force=force, digest=rollout.reviewed, in_waves=rollout.in_waves)",
        "refusal = find_refusal(plan, force=force, digest=None, in_waves=rollout.in_waves)",
        ("tests/flows/test_safety.py",),
    ),
    Mutant(
        "show a secret that an unforeseen error quotes",
        "flows/run/redaction.py",
        "        if mask(text) == text:",
        "        if mask(text) is not None:",
        ("tests/run/test_redaction.py",),
    ),
    Mutant(
        "keep the secret itself as its fingerprint",
        "flows/credentials/fingerprint.py",
        "return f\"{self._id}:{self._digest('credential', *place, *what)}\"",
        'return f"{self._id}:{what[1]}"',
        ("tests/credentials/test_fingerprint.py",),
    ),
    Mutant(
        "provision somebody again after a lost answer",
        "flows/on_demand_provisioning/result.py",
        "            return replace(trial, failure=_unknown(error))",
        "            continue",
        ("tests/flows/test_on_demand.py",),
    ),
    Mutant(
        "let a group of any size through",
        "flows/on_demand_provisioning/request.py",
        "            if len(members) > MEMBERS_MAX:",
        "            if len(members) > MEMBERS_MAX and False:",
        ("tests/flows/test_on_demand.py",),
    ),
    Mutant(
        "take whatever came for what was expected",
        "flows/on_demand_provisioning/result.py",
        "        if expected is None:",
        "        if expected is not None:",
        ("tests/flows/test_on_demand.py",),
    ),
    Mutant(
        "go on although a canary did not fare well",
        "flows/apply/wave_watch.py",
        "    if len(bad) > rules.instances:",
        "    if len(bad) > rules.instances + 1:",
        ("tests/flows/test_canary.py",),
    ),
    Mutant(
        "leave running what a held wave changed",
        "flows/apply/rollout.py",
        "needed = [each for each in controls if each.needed]",
        "needed = [each for each in controls if not each.needed]",
        ("tests/flows/test_canary.py",),
    ),
    Mutant(
        "take a cycle that began before the change for one after it",
        "flows/apply/wave_watch.py",
        "health.last_began and health.last_began > self.applied_at",
        "health.last_began",
        ("tests/flows/test_canary.py",),
    ),
    Mutant(
        "go on with a roll-out whose plan has changed",
        "flows/rollout/waves.py",
        'return all(known[key]["digest"] == now[key].digest for key in left) and all(',
        'return all(known[key]["digest"] for key in left) and all(',
        ("tests/rollout/test_waves.py",),
    ),
    Mutant(
        "put a schema that is as it is wanted",
        "flows/steps/schema.py",
        "    if not merge.differences:\n        return False\n",
        "",
        (MAPPED,),
    ),
    Mutant(
        "put a schema again without looking",
        "flows/steps/schema.py",
        "return True if is_done(found) else None",
        "return None if is_done(found) else None",
        (MAPPED,),
    ),
    Mutant(
        "overwrite mappings that were edited since the plan",
        "flows/steps/schema.py",
        "if plan.schema_digest not in {None, digest_json(now)}:",
        "if plan.schema_digest not in {None, digest_json(now), plan.schema_digest}:",
        (MAPPED,),
    ),
    Mutant(
        "replace a schema without keeping it",
        "flows/steps/schema.py",
        "    await keep(now)\n",
        "",
        (MAPPED,),
    ),
    Mutant(
        "lose what the table does not know of an attribute",
        "flows/mappings/rows.py",
        "changed = dict(mapping) | {",
        "changed = {'targetAttributeName': mapping.get('targetAttributeName')} | {",
        ("tests/mappings/test_merge.py",),
    ),
    Mutant(
        "take back what was edited in the portal and the file let go of",
        "flows/mappings/merge.py",
        "and there and same_row(row, there[1]):",
        "and there:",
        ("tests/mappings/test_merge.py",),
    ),
    Mutant(
        "call a change of the scoping filter harmless",
        "flows/mappings/diff.py",
        "        return SCOPING\n",
        '        return ""\n',
        ("tests/mappings/test_merge.py",),
    ),
    Mutant(
        "apply dangerous changes unasked",
        "flows/plan/safety.py",
        "refusal = None if digest else _dangers(plan)",
        "refusal = None if digest or plan else _dangers(plan)",
        (MAPPED,),
    ),
    Mutant(
        "let the tenant call a field of a job by another name",
        "graph_emulator/provisioning/jobs.py",
        '"escrowsPruned": False,',
        '"escrowPruned": False,',
        (ON_RECORD,),
    ),
    Mutant(
        "let fresh jobs of the tenant be in another state",
        "graph_emulator/settings.py",
        'fresh_job_code: Literal["Paused", "NotConfigured"] = "Paused"',
        'fresh_job_code: Literal["Paused", "NotConfigured"] = "NotConfigured"',
        (ON_RECORD,),
    ),
    Mutant(
        "let a role of the tenant have another id",
        "graph_emulator/directory/gallery.py",
        "7dfd756e-8c27-4472-b2b7-38c17fc5de5e",
        "7dfd756e-8c27-4472-b2b7-38c17fc5de5f",
        (ON_RECORD,),
    ),
    Mutant(
        "let the gateway of the tenant take writes without a Content-Type",
        "graph_emulator/settings.py",
        '= "need_type"',
        '= "lenient"',
        (ON_RECORD,),
    ),
    Mutant(
        "let the tenant keep empty segments of a path",
        "graph_emulator/handlers/router.py",
        'for part in filter(None, path.split("/")):',
        'for part in path.strip("/").split("/"):',
        (ON_RECORD,),
    ),
    Mutant(
        "send writes without a body without a Content-Type",
        "graph_client/http.py",
        "if call.method in _WITH_CONTENT_TYPE:",
        "if call.body is not None:",
        (READ_BACK,),
    ),
    Mutant(
        "read the last success of a job under a wrong name",
        "graph_client/models/synchronization.py",
        "    last_successful_execution: ",
        "    last_success_execution: ",
        (READ_BACK,),
    ),
    Mutant(
        "take the year 1 for a moment",
        "graph_client/models/resource.py",
        "if moment.year <= 1:",
        "if moment.year < 1:",
        (READ_BACK,),
    ),
    Mutant(
        "take the token of a target along with a redirect",
        "flows/target/http.py",
        "follow_redirects=False,",
        "follow_redirects=True,",
        ("tests/target/test_http.py",),
    ),
    Mutant(
        "check the certificate of a target for its IP address",
        "flows/target/http.py",
        'request.extensions["sni_hostname"] = address.host',
        'request.extensions["sni_hostname"] = ip',
        ("tests/target/test_http.py",),
    ),
    Mutant(
        "share connections between targets at one address",
        "flows/target/http.py",
        "client = self._client(address.host, proxy)",
        'client = self._client("", proxy)',
        ("tests/target/test_http.py",),
    ),
    Mutant(
        "reach a target inside if it has a public address too",
        "flows/target/address.py",
        "if not ips or not all(",
        "if not ips or not any(",
        ("tests/target/test_address.py",),
    ),
    Mutant(
        "let the flow ask targets inside",
        "flows/probe_targets.py",
        "public_only=True",
        "public_only=False",
        ("tests/flows/test_probe_targets.py",),
    ),
    Mutant(
        "quote what a target says as it is",
        "flows/target/http.py",
        'return " ".join(mask(text).split())',
        'return " ".join(text.split())',
        ("tests/target/test_quoted_tokens.py",),
    ),
    Mutant(
        "bear a 404 for an empty search",
        "flows/target/rules.py",
        "problem = _find_list_problem(nobody) if is_list(first) else",
        "problem = _find_list_problem(None) if is_list(first) else",
        ("tests/target/test_faults.py",),
    ),
    Mutant(
        "forget when a token ends",
        "flows/tasks/fingerprints.py",
        "expiries = {key: end for key, end in ends.items() if end}",
        "expiries = {key: end for key, end in ends.items() if not end}",
        ("tests/flows/test_rotate.py",),
    ),
)
