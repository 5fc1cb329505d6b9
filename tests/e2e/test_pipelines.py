"""The pipelines of deployments/ci, their own shell lines run as GitHub and Azure DevOps run them, signed in by OIDC."""

import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import trustme
from ruamel.yaml import YAML

from flows.configuration.environment import environment
from flows.store import open_store
from graph_emulator import Client, FederatedCredential
from tests.estates import TENANT, estate, fleet, instance

CI = Path(__file__).parents[2] / "deployments" / "ci"
ISSUER = "https://issuer.example"
READER, WRITER = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
READING = ("Application.Read.All", "Synchronization.Read.All")
WRITING = ("Application.ReadWrite.OwnedBy", "Application.Read.All", "Synchronization.ReadWrite.All")
VALUES = {
    "AZURE_TENANT_ID": TENANT,
    "ENTRA_FLEET_READER_CLIENT_ID": READER,
    "ENTRA_FLEET_WRITER_CLIENT_ID": WRITER,
    "READER_CLIENT_ID": READER,
    "READER_CONNECTION_ID": "plan",
    "WRITER_CLIENT_ID": WRITER,
    "WRITER_CONNECTION_ID": "apply",
    "DATABRICKS_TOKEN": "good",
    "ENTRA_FLEET_FINGERPRINT_KEY": "a key of the fingerprints in the store",
    "System.AccessToken": "job-t0ken",
    "github.token": "gh-t0ken",
    "github.event.pull_request.number": "7",
}

SECRETS = {"ENTRA_FLEET_STORE", "ENTRA_FLEET_FINGERPRINT_KEY", "DATABRICKS_TOKEN"}
"""What a job has only if the pipeline gives it."""


class TokenService(BaseHTTPRequestHandler):
    """Gives a job its OIDC token: GitHub's way by GET, Azure DevOps' by POST."""

    def answer(self, job, name):
        if self.headers["Authorization"] != "Bearer job-t0ken":
            self.send_error(401)
            return
        claims = {"iss": ISSUER, "sub": job, "aud": "api://AzureADTokenExchange", "exp": time.time() + 300}
        body = json.dumps({name: jwt.encode(claims, "a key that nobody checks, as it is the issuer's")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # http.server's name
        assert parse_qs(urlsplit(self.path).query)["audience"] == ["api://AzureADTokenExchange"]
        self.answer(urlsplit(self.path).path.strip("/"), "value")

    def do_POST(self):  # http.server's name
        self.answer(parse_qs(urlsplit(self.path).query)["serviceConnectionId"][0], "oidcToken")

    def log_message(self, *_):
        """Keep quiet."""


@contextmanager
def token_service(directory):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "issuer.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenService)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Pipeline:
    """A checkout of a team's repository, and the shell lines of a pipeline run in it."""

    def __init__(self, checkout, tenant, issuer, variables):
        self.checkout, self.tenant, self.issuer = checkout, tenant, issuer
        self.variables = variables

    def write_fleet(self, *instances):
        with (self.checkout / "fleet.yaml").open("w") as file:
            YAML(typ="safe").dump(fleet(*instances), file)

    def run(self, script, given, shell=("bash", "-e")):
        """Run the lines of one step; it sees what the pipeline gives it and nothing of this process but the PATH."""
        given = {name: expanded(value, self.variables | VALUES) for name, value in given.items()}
        (self.checkout / "outputs").write_text("")
        own = {name: value for name, value in self.variables.items() if name not in SECRETS}
        return subprocess.run(
            [*shell, "-c", script],
            cwd=self.checkout,
            env=own | given,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )


def steps_of(job):
    """The steps of a job of Azure DevOps."""
    return job.get("steps") or job["strategy"]["runOnce"]["deploy"]["steps"]


def expanded(text, values):
    """The text with GitHub's ${{ secrets.NAME }} and Azure DevOps' $(NAME) filled in."""
    text = re.sub(r"\$\{\{ (?:vars\.|secrets\.)?([\w.]+) }}", lambda found: values[found[1]], text)
    return re.sub(r"\$\(([\w.]+)\)", lambda found: values[found[1]], text)


@pytest.fixture
def checkout(tmp_path):
    """A repository with the commands of a runner: ours, and a `gh` that keeps what it is told."""
    directory = tmp_path / "checkout"
    (directory / "bin").mkdir(parents=True)
    for name, line in {
        "entra-fleet": f'exec {sys.executable} -m flows.cli "$@"',
        "gh": 'echo "$@" > gh-was-told; cat "${@: -1}" >> gh-was-told',
    }.items():
        (directory / "bin" / name).write_text(f"#!/bin/bash\n{line}\n")
        (directory / "bin" / name).chmod(0o755)
    return directory


@pytest.fixture
def pipeline(tmp_path, checkout):
    """A tenant that trusts the jobs of a pipeline, and the pipeline."""
    clients = [
        Client(id_, "", roles, federated=tuple(FederatedCredential(ISSUER, job) for job in jobs))
        for id_, roles, jobs in ((READER, READING, ("preview", "plan")), (WRITER, WRITING, ("apply",)))
    ]
    with (
        token_service(tmp_path) as issuer,
        estate(tmp_path / "tenant", other_clients=tuple(clients)) as tenant,
    ):
        here = environment().variables
        trusted = tmp_path / "trusted.pem"
        trusted.write_text(Path(here["SSL_CERT_FILE"]).read_text() + (tmp_path / "issuer.pem").read_text())
        variables = {
            "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(CI.parents[1]),
            "HOME": str(tmp_path),
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "SSL_CERT_FILE": str(trusted),
            **{name: here[name] for name in ("AZURE_AUTHORITY_HOST", "ENTRA_FLEET_GRAPH_URL", "ENTRA_FLEET_STORE")},
        }
        yield Pipeline(checkout, tenant, issuer, variables)


@pytest.fixture
def github(pipeline):
    """Runs the named step of a job of GitHub's workflow."""
    workflow = YAML(typ="safe").load(CI / "github-actions.yaml")
    pipeline.variables |= {
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job-t0ken",
        "GITHUB_STEP_SUMMARY": str(pipeline.checkout / "summary"),
        "GITHUB_OUTPUT": str(pipeline.checkout / "outputs"),
        "GITHUB_RUN_ID": "4711",
        "GITHUB_SHA": "0123456789abcdef",
    }

    def run(job, name):
        (step,) = (each for each in workflow["jobs"][job]["steps"] if each.get("name") == name)
        pipeline.variables["ACTIONS_ID_TOKEN_REQUEST_URL"] = f"{pipeline.issuer}/{job}"
        given = {**workflow["env"], **workflow["jobs"][job]["env"], **step.get("env", {})}
        return pipeline.run(step["run"], given)

    return run


@pytest.fixture
def azure_devops(pipeline):
    """Runs the named step of a stage of Azure DevOps' pipeline."""
    stages = YAML(typ="safe").load(CI / "azure-pipelines.yaml")["stages"]
    pipeline.variables |= {
        "SYSTEM_OIDCREQUESTURI": pipeline.issuer,
        "AZURE_TENANT_ID": TENANT,
        "PIPELINE_WORKSPACE": str(pipeline.checkout),
        "BUILD_BUILDNUMBER": "20261123.1",
        "BUILD_SOURCEVERSION": "0123456789abcdef",
    }

    def run(stage, name):
        (job,) = next(each for each in stages if each["stage"] == stage)["jobs"]
        (step,) = (each for each in steps_of(job) if each.get("displayName") == name)
        return pipeline.run(step["script"], step["env"], shell=("bash",))

    return run


# The fleet's credential is where only the apply of the pipeline has it: a plan reads no secret.
ONE = instance("one", credentials={"SecretToken": "${env:DATABRICKS_TOKEN}"})
TWO = instance("two", credentials={"SecretToken": "${env:DATABRICKS_TOKEN}"})


def outputs(pipeline):
    return (pipeline.checkout / "outputs").read_text()


def test_github_shows_a_plan_on_the_pull_request_and_applies_the_reviewed_one(pipeline, github):
    pipeline.write_fleet(ONE)
    assert github("preview", "Plan").returncode == 0
    summary = (pipeline.checkout / "summary").read_text()
    assert summary.startswith(
        "### contoso: Plan: 1 to create, 0 to update, 0 in conflict. 6 write requests.\n\n| instance | action |"
    )
    assert "| one | create | App one from Box, job running |" in summary
    assert github("preview", "Show it on the pull request").returncode == 0
    told, _, comment = (pipeline.checkout / "gh-was-told").read_text().partition("\n")
    assert (told, comment) == ("pr comment 7 --edit-last --create-if-none --body-file plan.md", summary)
    planned = github("plan", "Plan")
    assert (planned.returncode, outputs(pipeline)) == (0, "changes=true\n"), planned.stderr
    assert pipeline.tenant.requests(writes=True) == []
    applied = github("apply", "Apply the reviewed plan")
    assert applied.returncode == 0, applied.stderr
    assert list(pipeline.tenant.applications()) == ["entra-fleet:contoso:one"]
    with open_store(environment().store_url) as store:
        (run,) = store.journal.runs()
    assert (run.ticket, run.commit, run.actor_app_id) == ("run 4711", "0123456789abcdef", WRITER)
    again = github("plan", "Plan")
    assert (again.returncode, outputs(pipeline)) == (0, "")


@pytest.mark.long
def test_azure_devops_does_the_same(pipeline, azure_devops):
    pipeline.write_fleet(ONE)
    shown = azure_devops("preview", "Plan")
    assert (shown.returncode, "##vso[task.uploadsummary]" in shown.stdout) == (0, True), shown.stderr
    planned = azure_devops("plan", "Plan")
    assert planned.returncode == 0, planned.stderr
    assert f"##vso[task.uploadsummary]{pipeline.checkout}/plan.md\n" in planned.stdout
    assert "##vso[task.setvariable variable=changes;isOutput=true]true\n" in planned.stdout
    (pipeline.checkout / "plan").mkdir()
    (pipeline.checkout / "plan.json").rename(pipeline.checkout / "plan" / "plan.json")
    applied = azure_devops("apply", "Apply the reviewed plan")
    assert applied.returncode == 0, applied.stderr
    with open_store(environment().store_url) as store:
        (run,) = store.journal.runs()
    assert (run.ticket, run.actor_app_id) == ("build 20261123.1", WRITER)
    again = azure_devops("plan", "Plan")
    assert (again.returncode, "setvariable" in again.stdout) == (0, False)


@pytest.mark.long  # tests/cli/test_plan_file.py has the refusal
def test_what_was_not_reviewed_is_not_applied(pipeline, github):
    pipeline.write_fleet(ONE)
    github("plan", "Plan")
    pipeline.write_fleet(ONE, TWO)
    applied = github("apply", "Apply the reviewed plan")
    assert (applied.returncode, pipeline.tenant.requests(writes=True)) == (1, [])
    assert "is out of date" in applied.stderr


@pytest.mark.parametrize("job", ["preview", "plan"])
@pytest.mark.parametrize("run", ["github", "azure_devops"])
def test_a_file_that_cannot_be_read_is_no_plan_with_changes(pipeline, run, job, request):
    (pipeline.checkout / "fleet.yaml").write_text("fleet: [")
    planned = request.getfixturevalue(run)(job, "Plan")
    assert planned.returncode in {1, 2}
    assert (outputs(pipeline), "setvariable" in planned.stdout) == ("", False)
    assert "fleet.yaml" in planned.stderr


@pytest.mark.long  # tests/graph_client/sign_in/test_assertions.py has the refusals
def test_a_job_that_the_tenant_does_not_trust_is_told_so(pipeline, github):
    pipeline.write_fleet(ONE)
    github("plan", "Plan")
    pipeline.variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "another job's"
    refused = github("apply", "Apply the reviewed plan")
    assert (refused.returncode, pipeline.tenant.requests(writes=True)) == (1, [])
    assert "id-token: write" in refused.stderr
    assert len(refused.stderr.splitlines()) <= 3


def jobs_of_both():
    """Each job of both pipelines: its name, what it and its steps give, its steps; as text where they differ."""
    workflow = YAML(typ="safe").load(CI / "github-actions.yaml")
    for name, job in workflow["jobs"].items():
        yield name, json.dumps([workflow["env"], job]), [each["run"] for each in job["steps"] if "run" in each]
    pipeline = YAML(typ="safe").load(CI / "azure-pipelines.yaml")
    for stage in pipeline["stages"]:
        scripts = [each["script"] for each in steps_of(stage["jobs"][0]) if "script" in each]
        yield stage["stage"], json.dumps([pipeline["variables"], stage]), scripts


def test_every_job_installs_the_same_by_version_and_hash():
    installs = {script for *_, scripts in jobs_of_both() for script in scripts if "install" in script}
    assert installs == {"pip install --require-hashes --requirement entra-fleet.lock"}
    assert all(any("install" in script for script in scripts) for *_, scripts in jobs_of_both())


def test_secrets_reach_only_the_jobs_that_need_them_and_no_pull_request():
    seen = {}
    for name, text, _ in jobs_of_both():
        seen.setdefault(name, set()).update(secret for secret in SECRETS if secret in text)
    assert seen == {"preview": set(), "plan": {"ENTRA_FLEET_STORE"}, "apply": SECRETS}
    workflow = YAML(typ="safe").load(CI / "github-actions.yaml")
    # Secrets of an environment, which lets main in only: one of the repository is in reach of a changed workflow.
    with_secrets = {name for name, job in workflow["jobs"].items() if "secrets." in json.dumps(job)}
    assert with_secrets == {name for name, job in workflow["jobs"].items() if "environment" in job} == {"plan", "apply"}
    assert [name for name, job in workflow["jobs"].items() if "pull-requests" in job["permissions"]] == ["preview"]


def test_actions_are_named_by_their_commit():
    used = re.findall(r"uses: (\S+)(.*)", (CI / "github-actions.yaml").read_text())
    assert used
    assert [each for each, _ in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each)] == []
    assert [comment for _, comment in used if not re.fullmatch(r" # v\d+\.\d+\.\d+", comment)] == []
