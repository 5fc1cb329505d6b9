"""Figures of the embedded tenant: requests a second, preloaded events, memory of many instances."""

import asyncio
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson

from graph_emulator import Clock, Emulator, EmulatorSettings
from graph_emulator.wire.problems import Request

CONNECTIONS = 16
SECONDS = 5.0
EVENTS = 100_000
INSTANCES = 10_000
CUSTOM = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)  # noqa: T201 - a benchmark speaks


def token_of(post: Callable[[str, dict[str, str]], Any]) -> dict[str, str]:
    """Sign in."""
    settings = EmulatorSettings()
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "scope": "https://graph.microsoft.com/.default",
    }
    return {"authorization": f"Bearer {post(f'/{settings.tenant_id}/oauth2/v2.0/token', form)['access_token']}"}


async def hammer(port: int, trust: ssl.SSLContext, path: str, headers: dict[str, str], until: float) -> int:
    """One keep-alive connection, one request after the other; a bare socket, so that the client costs little."""
    reader, writer = await asyncio.open_connection("localhost", port, ssl=trust)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\n{lines}\r\n".encode()
    done = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
        done += 1
    writer.close()
    return done


def cpu_seconds(process: int) -> float:
    """The CPU time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests() -> None:
    """Requests a second of a served tenant, by the clock and by the CPU time of the server."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "graph_emulator", "--port", "0", "--dir", directory]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
        try:
            url = server.stdout.readline().split()[0]
            trust = ssl.create_default_context(cafile=f"{directory}/ca.pem")
            with httpx.Client(base_url=url, verify=trust) as client:
                headers = token_of(lambda path, form: client.post(path, data=form).json())
                path, body = f"/v1.0/applicationTemplates/{CUSTOM}/instantiate", {"displayName": "One"}
                made = client.post(path, json=body, headers=headers).json()
            for name, path in (
                ("organization", "/v1.0/organization"),
                ("one service principal", f"/v1.0/servicePrincipals/{made['servicePrincipal']['id']}"),
            ):
                before, began = cpu_seconds(server.pid), time.perf_counter()
                done = asyncio.run(everybody(int(url.rpartition(":")[2]), trust, path, headers))
                passed, busy = time.perf_counter() - began, cpu_seconds(server.pid) - before
                say(f"{name}: {done:,} in {passed:.1f} s: {done / passed:,.0f}/s, {done / busy:,.0f}/s of CPU time")
        finally:
            server.terminate()
            server.wait()


async def everybody(port: int, trust: ssl.SSLContext, path: str, headers: dict[str, str]) -> int:
    """All connections at once."""
    until = time.perf_counter() + SECONDS
    return sum(await asyncio.gather(*(hammer(port, trust, path, headers, until) for _ in range(CONNECTIONS))))


def events() -> None:
    """How long it takes to preload events, and to read them all."""
    emulator = Emulator(EmulatorSettings(), Clock.frozen())
    headers = sign_in(emulator)
    principal = instantiate(emulator, headers, 0)
    began = time.perf_counter()
    emulator.controls.preload_events(principal, EVENTS)
    loaded = time.perf_counter() - began
    say(f"{EVENTS:,} events preloaded in {loaded:.2f} s: {EVENTS / loaded:,.0f}/s")


def instances() -> None:
    """Memory of many instances, each with credentials and a job that has run."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    emulator = Emulator(EmulatorSettings(requests_kept=1000), Clock.frozen())
    headers = sign_in(emulator)
    began = time.perf_counter()
    for number in range(INSTANCES):
        path = f"/v1.0/servicePrincipals/{instantiate(emulator, headers, number)}/synchronization"
        pairs = [{"key": "BaseAddress", "value": "https://scim.example"}, {"key": "SecretToken", "value": "made-up"}]
        send(emulator, headers, "PUT", f"{path}/secrets", {"value": pairs})
        job = send(emulator, headers, "POST", f"{path}/jobs", {"templateId": "scim"})["id"]
        send(emulator, headers, "POST", f"{path}/jobs/{job}/start", None)
    emulator.controls.advance(3600)
    running = sum(
        job["status"]["code"] == "Active" for jobs in emulator.controls.state()["jobs"].values() for job in jobs
    )
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say(
        f"{INSTANCES:,} instances, {running:,} jobs active, in {time.perf_counter() - began:.1f} s: "
        f"{used / 1024:,.0f} MiB at most, {(used - before) / INSTANCES:.1f} KiB an instance"
    )


def sign_in(emulator: Emulator) -> dict[str, str]:
    """A token, without a network."""

    def post(path: str, form: dict[str, str]) -> Any:
        body = "&".join(f"{name}={value.replace('/', '%2F')}" for name, value in form.items()).encode()
        return orjson.loads(emulator.handle(Request("POST", path, body=body)).body)

    return token_of(post)


def instantiate(emulator: Emulator, headers: dict[str, str], number: int) -> str:
    """One instance of the non-gallery application."""
    path = f"/v1.0/applicationTemplates/{CUSTOM}/instantiate"
    return send(emulator, headers, "POST", path, {"displayName": f"Instance {number}"})["servicePrincipal"]["id"]


def send(emulator: Emulator, headers: dict[str, str], method: str, path: str, body: Any) -> Any:
    """A request, without a network."""
    data = b"" if body is None else orjson.dumps(body)
    response = emulator.handle(
        Request(method, path, headers={**headers, "content-type": "application/json"}, body=data)
    )
    if response.status >= 300:
        raise RuntimeError(f"{method} {path}: {response.status} {response.body!r}")
    return orjson.loads(response.body) if response.body else None


BENCHMARKS = {"requests": requests, "events": events, "instances": instances}


def main() -> None:
    """Run those that are named, or all."""
    for name in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
