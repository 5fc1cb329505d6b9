"""The processes of deployments/compose.yaml, by its commands and settings, with a real PostgreSQL and a real Redis."""

import os
import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from prefect.settings.legacy import _get_valid_setting_names
from prefect.settings.models.root import Settings
from ruamel.yaml import YAML

from flows.cli.processes.prefect_server import _free_port
from flows.store import open_store
from tests.e2e.processes import ROOT, kill_all
from tests.e2e.redis_databases import redis_urls
from tests.e2e.runs import wait_until
from tests.estates import estate, fleet, instance
from tests.proof import invariants
from tests.store.databases import postgres_database

__all__ = ["postgres_database", "redis_urls"]

pytestmark = pytest.mark.timeout(900)

FOLDER = ROOT / "deployments"
SERVICES = YAML(typ="safe").load(FOLDER / "compose.yaml")["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"] == "entra-fleet"}
ONCE = {name for name, each in OURS.items() if each["restart"] == "no"}
PROGRAMS = {"prefect": ["-m", "prefect"], "entra-fleet": ["-m", "flows.cli"], "python": []}
AUTH = ("admin", "made-up-for-this")
SECRETS = {
    "POSTGRES_PASSWORD": "none: the server of the tests trusts",
    "PREFECT_AUTH_STRING": ":".join(AUTH),
    "PREFECT_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    "ENTRA_FLEET_FINGERPRINT_KEY": "a key of the fingerprints in the store",
}
"""What a person puts into .env."""
SHARDS = {"shard_size": 2, "shards_at_once": 2}
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]+}")


def example(name):
    """The variables of the example of a file of secrets."""
    lines = (FOLDER / name).read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


class Site:
    """The services of the compose file as processes of this machine; names of hosts lead to where the real ones are."""

    def __init__(self, directory, database, redis_urls, variables):
        self._directory = directory
        self._variables = variables
        self._children = []
        self.ports = []
        host = f"{database.username}@{database.host}:{database.port}/{database.database}"
        self._places = {
            "prefect:${POSTGRES_PASSWORD}@postgres:5432/prefect": host,
            "redis://redis:6379/0": redis_urls[0],
            "redis://redis:6379/1": redis_urls[1],
        }
        self.store = f"postgresql+psycopg://{host}"

    def once(self, name):
        """Run a service that ends, to its end."""
        assert name in ONCE
        child = self.start(name)
        assert child.wait(timeout=280) == 0, self.log()

    def start(self, name):
        """Start a service, and return its process."""
        service = OURS[name]
        port = _free_port()
        if name == "server":
            self.ports.append(port)
        program, *arguments = [self._placed(each, port) for each in service["command"]]
        own = {key: self._placed(value, port) for key, value in service["environment"].items()}
        own["PREFECT_HOME"] = str(self._directory / f"{name}-{len(self._children)}")
        own["XDG_STATE_HOME"] = own["PREFECT_HOME"]
        # Two workers on one machine cannot both have the port that each has in its container.
        own |= {"PREFECT_WORKER_WEBSERVER_PORT": str(port), "PREFECT_WORKER_QUERY_SECONDS": "1"}
        with (self._directory / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *PROGRAMS[program], *arguments],
                cwd=ROOT,
                env={**os.environ, **self._variables, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children.append(child)
        self.healthy_at = f"http://127.0.0.1:{port}"
        return child

    def wait_for(self, path):
        """Wait until the service that was started last says that it is well."""
        with httpx.Client(base_url=self.healthy_at, timeout=5) as client:

            def well():
                with suppress(httpx.TransportError):
                    return client.get(path).is_success

            wait_until(well, path)

    def client(self, server, auth=AUTH, *, guarded=True):
        """A client of one of the servers, with the token against forgery that writes need."""
        url, headers = f"http://127.0.0.1:{self.ports[server]}/api", {}
        if guarded:
            # A client has one token at a time, whichever server it asks.
            name = str(uuid4())
            token = httpx.get(f"{url}/csrf-token", params={"client": name}, auth=auth, timeout=60).json()["token"]
            headers = {"Prefect-Csrf-Client": name, "Prefect-Csrf-Token": token}
        return httpx.Client(base_url=url, auth=auth, timeout=60, headers=headers)

    def stop(self):
        for child in reversed(self._children):
            kill_all(child)

    def log(self):
        return "\n".join(path.read_text() for path in sorted(self._directory.glob("*.log")))

    def _placed(self, value, port):
        for place, real in self._places.items():
            value = value.replace(place, real)
        value = REQUIRED.sub(lambda found: SECRETS[found[1]], value)
        value = value.replace("http://server:4200", f"http://127.0.0.1:{self.ports[0] if self.ports else port}")
        return {"4200": str(port), "0.0.0.0": "127.0.0.1"}.get(value, value)


@pytest.fixture(scope="module")
def tenant(tmp_path_factory):
    with estate(tmp_path_factory.mktemp("tenant")) as served:
        yield served


@pytest.fixture(scope="module")
def site(tmp_path_factory, postgres_database, redis_urls, tenant):
    """Everything that the compose file starts, in its order, with two servers."""
    made = Site(tmp_path_factory.mktemp("compose"), postgres_database, redis_urls, {"TOKEN": "good"})
    try:
        made.once("migrate")
        made.start("services")
        for _ in range(2):
            made.start("server")
            made.wait_for("/api/ready")
        for name in ("store", "deploy"):
            made.once(name)
        made.start("worker")
        made.wait_for("/health")
        yield made
    finally:
        made.stop()


# A run of a deployment takes a worker six seconds of work to start.
@pytest.mark.long
@pytest.mark.parametrize("shards", [{}, pytest.param(SHARDS, marks=pytest.mark.proof)], ids=["one run", "shards"])
def test_a_fleet_is_provisioned_by_a_worker_and_read_back_from_the_other_server(site, tenant, shards):
    keys = [f"k{n}" for n in range(4)]
    document = {"fleet": fleet(*map(instance, keys)), **shards}
    with site.client(0) as first, site.client(1) as second:
        (found,) = first.post("/deployments/filter", json={"deployments": {"name": {"any_": ["on-demand"]}}}).json()
        created = first.post(f"/deployments/{found['id']}/create_flow_run", json={"parameters": document})
        path = f"/flow_runs/{created.json()['id']}"

        def ended():
            run = second.get(path).json()
            return run if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED"} else None

        run = wait_until(ended, "the run ends")
        assert (run["state"]["name"], run["state"]["message"]) == ("Completed", "4 created"), site.log()
        invariants.assert_one_application_a_key(tenant, keys)
        invariants.assert_in_order(tenant)

        # Each task run went over Redis to the services, and from there into PostgreSQL, and has ended there too.
        def recorded():
            of_instances = {"task_runs": {"name": {"any_": keys}}}
            runs = second.post("/task_runs/filter", json=of_instances).json()
            return {each["name"]: each["state_type"] for each in runs} == dict.fromkeys(keys, "COMPLETED")

        wait_until(recorded, "the task runs are recorded")
    with open_store(site.store) as store:
        assert {each.key for each in store.journal.changes(store.journal.runs()[0].id)} == set(keys)


@pytest.mark.long
def test_nobody_is_let_in_without_the_password(site):
    with site.client(0, auth=None, guarded=False) as stranger:
        assert stranger.get("/admin/version").status_code == 401
    with site.client(0) as known:
        assert known.post("/block_documents/filter", json={}).status_code == 200


@pytest.mark.long
def test_a_write_needs_a_token_against_forgery(site):
    with site.client(0, guarded=False) as known:
        assert known.post("/flows/", json={"name": "forged"}).status_code == 403


def test_nothing_starts_without_its_secrets():
    # Compose takes an empty value for a missing one: https://docs.docker.com/reference/compose-file/interpolation/
    assert example("env.example") == dict.fromkeys(SECRETS, "")
    server = {"PREFECT_SERVER_API_AUTH_STRING", "PREFECT_SERVER_ENCRYPTION_KEY"}
    worker = {"PREFECT_API_AUTH_STRING", "ENTRA_FLEET_FINGERPRINT_KEY"}
    for name, secrets in {"server": server, "services": server, "worker": worker}.items():
        given = SERVICES[name]["environment"]
        assert {key for key in secrets if REQUIRED.fullmatch(given[key])} == secrets
    assert REQUIRED.fullmatch(SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"])
    assert set(example("worker.env.example").values()) == {""}


def test_the_secrets_of_the_fleet_reach_the_workers_alone():
    assert [name for name, each in OURS.items() if "env_file" in each] == ["worker"]
    assert [name for name, each in OURS.items() if "ENTRA_FLEET_FINGERPRINT_KEY" in each["environment"]] == ["worker"]


def test_every_setting_is_one_that_prefect_knows():
    known = _get_valid_setting_names(Settings)
    given = {key for each in OURS.values() for key in each["environment"]}
    given |= set(example("worker.env.example"))
    # Read by prefect-redis, and from the environment by the server itself.
    others = {"PREFECT_REDIS_MESSAGING_URL", "PREFECT_SERVER_ENCRYPTION_KEY"}
    assert {key for key in given if key.startswith("PREFECT_")} - known == others


def test_our_containers_can_write_nothing_but_their_temporary_folder():
    for service in OURS.values():
        assert (service["read_only"], service["tmpfs"], service["cap_drop"]) == (True, ["/tmp"], ["ALL"])
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert "USER 10001" in dockerfile
    assert "PREFECT_HOME=/tmp/prefect" in dockerfile


def test_images_and_packages_are_named_by_their_version():
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM")]
    images += [each["image"] for each in SERVICES.values() if each not in OURS.values()]
    assert [each for each in images if not re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-[\w-]+(@sha256:\w{64})?", each)] == []
    for name in ("requirements.lock", "build.lock"):
        lock = (FOLDER / name).read_text()
        named = re.findall(r"^([\w.-]+)(?:\[[\w,]+])?==\S+.*\\\n    --hash=sha256:\w{64}", lock, re.MULTILINE)
        assert len(named) == len(re.findall(r"^\w", lock, re.MULTILINE)) > 0
        assert "://" not in lock


def test_the_lock_has_what_the_constraints_have():
    constraints = (ROOT / "constraints.txt").read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", constraints, re.MULTILINE))
    for name in ("requirements.lock", "build.lock"):
        locked = dict(re.findall(r"^([\w.-]+)==(\S+)", (FOLDER / name).read_text(), re.MULTILINE))
        assert {each: version for each, version in locked.items() if pinned.get(each) != version} == {}


def test_the_image_is_made_of_what_is_there():
    lines = [line.split() for line in (FOLDER / "Dockerfile").read_text().splitlines()]
    copied = [each for line in lines if line[:1] == ["COPY"] and "--from=build" not in line for each in line[1:-1]]
    assert [each for each in copied if not (ROOT / each).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {each for each in copied if f"!{Path(each).parts[0]}" not in ignored} == set()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"keyvault", "postgres", "redis"} <= set(extras)
