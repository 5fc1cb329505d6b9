"""In the Prefect UI, a remedy is a deployment, or a flow, and its parameters."""

from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from flows.run.artifacts import name_flows
from tests.proof.prefect_aside import prefect_api_at


@pytest.mark.parametrize(
    ("command", "flow"),
    [
        ("entra-fleet rotate FLEET --only eu", 'rotate-credentials with {"only": ["eu"]}'),
        ("entra-fleet apply FLEET --only eu.", 'provision-fleet with {"only": ["eu"]}.'),
        ("`entra-fleet apply FLEET --only eu`", '`provision-fleet` with `{"only": ["eu"]}`'),
        (
            "Now: entra-fleet jobs restart FLEET --only a --only b --reset Watermark --force",
            'Now: control-jobs with {"action": "restart", "only": ["a", "b"], "reset": ["Watermark"], "force": true}',
        ),
        ("entra-fleet plan FLEET --only a; apply", 'provision-fleet with {"dry_run": true, "only": ["a"]}; apply'),
        (
            "entra-fleet retire FLEET --only a --application-id ID",
            'retire-instances with {"only": ["a"], "application_id": "ID"}',
        ),
        ("entra-fleet adopt --template Box", "entra-fleet adopt --template Box"),
        ("Keep the entra-fleet FLEET file", "Keep the entra-fleet FLEET file"),
    ],
)
def test_a_command_becomes_the_flow_that_does_it(command, flow):
    assert name_flows(command) == flow


@pytest.mark.parametrize(
    ("run_of", "named"),
    [
        ("sweep-contoso-scim", "control-jobs/jobs-contoso-scim"),
        ("on-demand", "control-jobs/jobs"),
        ("of-somebody", "control-jobs"),
    ],
)
def test_a_run_of_a_deployment_names_the_one_beside_it(monkeypatch, run_of, named):
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", f"id of {run_of}")
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__NAME", run_of)
    assert name_flows("entra-fleet jobs pause FLEET --only eu") == f'{named} with {{"action": "pause", "only": ["eu"]}}'


@pytest.mark.parametrize("parent", [None, uuid4()])
def test_a_server_that_does_not_answer_costs_the_name_and_not_the_run(parent):
    run = FlowRun(flow_id=uuid4(), deployment_id=None, parent_task_run_id=parent)
    with prefect_api_at("http://127.0.0.1:9/api"), FlowRunContext.model_construct(flow_run=run, parameters={}):
        assert name_flows("entra-fleet rotate FLEET --only eu") == 'rotate-credentials with {"only": ["eu"]}'
