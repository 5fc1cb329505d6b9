import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import msal
import pytest

from graph_emulator import Emulator, EmulatorError

ROOT = Path(__file__).parents[2]


def start(*arguments):
    command = [sys.executable, "-m", "graph_emulator", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sourced(path):
    shown = subprocess.run(["sh", "-c", f". {path}; env"], capture_output=True, text=True, check=True, env={})
    return dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_stopped(tmp_path, number):
    directory = tmp_path / "a dir"
    with start("--port", 0, "--dir", directory, "--seed", 5) as process:
        line = process.stdout.readline()
        assert line.startswith("https://localhost:")
        environment = sourced(f"'{directory}/env.sh'")
        url = environment["ENTRA_FLEET_GRAPH_URL"]
        assert url == environment["AZURE_AUTHORITY_HOST"] == line.split()[0]
        assert environment["SSL_CERT_FILE"] == environment["REQUESTS_CA_BUNDLE"] == str(directory / "ca.pem")
        assert (directory / "env.sh").stat().st_mode & 0o777 == 0o600
        trust = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        for root in (url, url.replace("localhost", "127.0.0.1")):
            assert httpx.get(f"{root}/_emulator/clock", verify=trust).status_code == 200
        process.send_signal(number)
        output, errors = process.communicate(timeout=100)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--profile", "clam"], 2, "unknown profile 'clam'; known: calm, laggy"),
        (["--dir", "/proc/nowhere"], 1, "cannot write to /proc/nowhere"),
        (["--profile", "laggy+clam"], 2, "unknown profile 'clam'"),
        (["--profile", "laggy", "--profile", "clam"], 2, "unknown profile 'clam'"),
        (["--fault", "instantiate: explode"], 2, "unknown effect 'explode'"),
        (["--fault", "instantaite: reset"], 2, "unknown operation 'instantaite'"),
        (["--port", "70000"], 1, "cannot listen on port 70000"),
        (["--port", "x"], 2, "invalid int value"),
    ],
)
def test_what_cannot_be_served_is_one_clear_line(tmp_path, arguments, status, words):
    with start("--dir", tmp_path, *arguments) as process:
        output, errors = process.communicate(timeout=100)
    assert (process.returncode, output) == (status, "")
    assert words in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_a_port_in_use_is_said_and_nothing_is_left_behind(tmp_path):
    with Emulator().serve() as served:
        other = Emulator().serve(served.port, tmp_path)
        with pytest.raises(EmulatorError, match=f"cannot listen on port {served.port}: .*--port 0"), other:
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_served_emulator_has_its_files_only_while_it_is_served():
    with Emulator().serve() as served:
        files = sorted(path.name for path in served.directory.iterdir())
        assert files == ["ca.pem", "env.sh"]
        directory = served.directory
    assert not directory.exists()


@pytest.fixture
def authority(monkeypatch):
    emulator = Emulator()
    with emulator.serve() as served:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(served.ca_file))
        yield emulator, served


def test_msal_signs_in_and_its_token_is_taken(authority):
    emulator, served = authority
    settings = emulator.settings
    with httpx.Client(verify=ssl.create_default_context(cafile=served.ca_file)) as client:
        application = msal.ConfidentialClientApplication(
            settings.client_id,
            client_credential=settings.client_secret,
            authority=f"{served.url}/{settings.tenant_id}",
            instance_discovery=False,
        )
        found = application.acquire_token_for_client(["https://graph.microsoft.com/.default"])
        headers = {"Authorization": f"Bearer {found['access_token']}"}
        assert client.get(f"{served.url}/v1.0/organization", headers=headers).status_code == 200


def test_msal_reads_a_refusal(authority):
    emulator, served = authority
    application = msal.ConfidentialClientApplication(
        emulator.settings.client_id,
        client_credential="not it",
        authority=f"{served.url}/{emulator.settings.tenant_id}",
        instance_discovery=False,
    )
    found = application.acquire_token_for_client(["https://graph.microsoft.com/.default"])
    assert (found["error"], found["error_codes"]) == ("invalid_client", [7000215])


def test_the_command_serves_several_tenants(tmp_path):
    with start("--port", 0, "--dir", tmp_path, "--target-tenants", 31) as process:
        process.stdout.readline()
        environment = sourced(tmp_path / "env.sh")
        trust = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        names = [name for name in environment if name.endswith("_AZURE_TENANT_ID")]
        assert (len(names), len({environment[name] for name in names})) == (31, 31)
        tenant_id = environment["FABRIKAM_AZURE_TENANT_ID"]
        state = httpx.get(f"{environment['ENTRA_FLEET_GRAPH_URL']}/_emulator/tenants/{tenant_id}/state", verify=trust)
        assert state.json()["tenantId"] == tenant_id
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=100) == 0
