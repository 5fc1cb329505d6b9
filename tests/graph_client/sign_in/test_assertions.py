"""Sources of federated assertions."""

import httpx
import pytest

from graph_client import FederatedAssertion, MsalTokens, errors
from graph_client.sign_in.assertions import AzureDevOpsAssertion, FileAssertion, GitHubActionsAssertion
from tests.graph_client.doubles import SETTINGS, FakeTime, Script, answer
from tests.graph_client.sign_in.server import CLIENT, TENANT, SignInServer

GITHUB = "https://pipelines.example/token?api-version=2.0"
AZURE_DEVOPS = "https://devops.example/org/project/_apis/distributedtask/hubs/build/plans/1/jobs/2/oidctoken"


def github(script):
    return GitHubActionsAssertion(GITHUB, "job-t0ken", SETTINGS, transport=script.transport)


def azure_devops(script):
    return AzureDevOpsAssertion(AZURE_DEVOPS, "job-t0ken", "connection-1", SETTINGS, transport=script.transport)


def failure_of(assertion):
    with pytest.raises(errors.AuthFailed) as caught:
        assertion()
    assert len(str(caught.value).splitlines()) <= 3
    assert "job-t0ken" not in str(caught.value)
    return caught.value


def test_a_file_is_read_each_time(tmp_path):
    path = tmp_path / "token"
    path.write_text("first\n")
    assertion = FileAssertion(path)
    assert assertion() == "first"
    path.write_text("second")
    assert assertion() == "second"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe\x00"])
def test_a_file_without_a_token_is_told(tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    assert str(path) in str(failure_of(FileAssertion(path)))


def test_github_is_asked_for_the_audience_of_entra():
    script = Script(answer(200, {"value": "assertion"}))
    assert github(script)() == "assertion"
    (request,) = script.requests
    assert (request.method, request.url.host) == ("GET", "pipelines.example")
    assert dict(request.url.params) == {"api-version": "2.0", "audience": "api://AzureADTokenExchange"}
    assert request.headers["authorization"] == "Bearer job-t0ken"


def test_azure_devops_is_asked_for_its_service_connection():
    script = Script(answer(200, {"oidcToken": "assertion"}))
    assert azure_devops(script)() == "assertion"
    (request,) = script.requests
    assert (request.method, request.url.host) == ("POST", "devops.example")
    assert dict(request.url.params) == {"api-version": "7.1", "serviceConnectionId": "connection-1"}
    assert request.headers["authorization"] == "Bearer job-t0ken"


@pytest.mark.parametrize("make", [github, azure_devops])
@pytest.mark.parametrize(
    "step",
    [
        answer(200, {}),
        answer(200, {"value": None, "oidcToken": ""}),
        answer(200, ["assertion"]),
        answer(403, {"message": "no"}),
        answer(302, location="https://evil.example/"),
        httpx.Response(200, content=b"<html>"),
    ],
)
def test_an_answer_without_a_token_is_told(make, step):
    script = Script(step)
    assert failure_of(make(script)).hint
    assert len(script.requests) == 1


@pytest.mark.parametrize("make", [github, azure_devops])
@pytest.mark.parametrize("step", [httpx.ConnectError("refused"), answer(503)])
def test_a_passing_fault_is_marked(make, step):
    assert failure_of(make(Script(step))).transient


@pytest.mark.parametrize(
    "assertion",
    [
        GitHubActionsAssertion("http://pipelines.example/token", "job-t0ken"),
        AzureDevOpsAssertion("http://devops.example/token", "job-t0ken", "connection-1"),
    ],
)
def test_a_token_of_the_job_does_not_go_out_in_plain_text(assertion):
    assert "plain http" in str(failure_of(assertion))


@pytest.mark.parametrize("make", [github, azure_devops])
def test_the_token_of_the_job_does_not_show(make):
    assert "job-t0ken" not in repr(make(Script(answer(204))))


async def test_a_passing_fault_of_the_source_is_repeated_by_the_sign_in():
    script, server, time = Script(answer(503), answer(200, {"value": "assertion"})), SignInServer(), FakeTime()
    method = FederatedAssertion(client_id=CLIENT, assertion=github(script))
    tokens = MsalTokens(SETTINGS, TENANT, method, transport=server.transport, sleep=time.sleep, clock=time.clock)
    assert await tokens.token()
    assert server.forms[0]["client_assertion"] == "assertion"
    assert len(time.slept) == 1
