"""docs/cross-tenant.md followed line by line against embedded tenants that have the ids of the page."""

import json
import re
from dataclasses import replace
from textwrap import dedent

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.steps.idempotency import use_wait_limits
from graph_emulator import EmulatedCloud, EmulatorSettings
from tests.docs.pages import DOCS
from tests.estates import HASTY, QUICK
from tests.store.databases import lay_empty_store

PAGE = (DOCS / "cross-tenant.md").read_text()
BLOCK = re.compile(r"^ *```(sh|yaml)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
(FLEET,) = (dedent(lines) for kind, lines in BLOCK.findall(PAGE) if kind == "yaml")
VARIABLES, COMMANDS, RETIRE = (dedent(lines) for kind, lines in BLOCK.findall(PAGE) if kind == "sh")
SOURCE, FABRIKAM, GROUP, TAILSPIN = re.findall(r"(?:tenant_id|group): (\S{36})", FLEET)


@pytest.fixture
def tenants(tmp_path):
    names = {SOURCE: "Contoso", FABRIKAM: "Fabrikam", TAILSPIN: "Tailspin"}
    quick = QUICK | {"entry_failure_share": 0.0, "seed": 1}
    made = EmulatedCloud(
        EmulatorSettings(**{**quick, "seed": number}, tenant_id=id_, tenant_name=name)
        for number, (id_, name) in enumerate(names.items())
    )
    lay_empty_store(tmp_path / "store.db")
    store = {"ENTRA_FLEET_STORE": f"sqlite:///{tmp_path / 'store.db'}", "PREFECT_API_URL": ""}
    limits = replace(HASTY, deprovision_seconds=30.0, deprovision_interval_seconds=0.1)
    with (
        made.serve(port=0, directory=tmp_path) as served,
        add_prefect_variables({**served.environment, **store}),
        use_wait_limits(limits),
    ):
        yield made, set(served.environment)


def test_the_page_from_nothing_to_the_way_back(tenants, write_fleet, entra_fleet):
    cloud, variables = tenants
    people = cloud[SOURCE].tenant.people
    group = next(id_ for id_, members in people.members.items() if members)
    path = write_fleet(FLEET.replace(GROUP, group), "subsidiaries.yaml")

    def follow(line, *more):
        program, *arguments = line.partition("#")[0].split()
        assert (program, arguments[1]) == ("entra-fleet", "subsidiaries.yaml")
        return entra_fleet(arguments[0], path, *arguments[2:], *more)

    check, plan, apply, monitor = COMMANDS.splitlines()
    assert set(re.findall(r"export (\w+)=", VARIABLES)) <= variables
    assert (follow(check).code, follow(plan).code) == (0, 0)
    applied = json.loads(follow(apply, "--yes", "--output", "json").out)
    assert {each["key"]: each["outcome"] for each in applied["instances"]} == {
        "fabrikam": "created",
        "tailspin": "pending",
    }
    cloud.clock.advance(60)
    assert len(cloud[FABRIKAM].controls.guests(SOURCE)) > 0
    # Tailspin has no job yet.
    assert follow(monitor).code == 1
    retired = json.loads(follow(RETIRE, "--yes", "--output", "json").out)
    assert retired["summary"]["retired"] == 1
    assert cloud[FABRIKAM].controls.guests(SOURCE) == []
    assert cloud[FABRIKAM].tenant.partners.bodies == {}
