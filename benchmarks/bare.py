"""The writes of a new fleet in as few lines as can be: asyncio and httpx, no plan, no retry, no record of anything.

What a product adds to this is what it costs. Per instance it sends the eight calls that provisioning cannot do
without, in their order: is it there, instantiate, is it ready, name and tag, validate, create the job, save the
credentials, start.
"""

import asyncio
import json
import os
import ssl
import sys
import time

import httpx

SECRET = {"key": "SecretToken", "value": "a good token"}
TEMPLATE = "Box"


async def provision(graph: httpx.AsyncClient, template_id: str, number: int) -> None:
    """Provision one instance."""
    tag = f"bare:k{number:05}"
    await _call(graph, "GET", f"applications?$filter=tags/any(t:t eq '{tag}')")
    made = await _call(graph, "POST", f"applicationTemplates/{template_id}/instantiate", {"displayName": tag})
    principal = f"servicePrincipals/{made['servicePrincipal']['id']}/synchronization"
    job_template = (await _call(graph, "GET", f"{principal}/templates"))["value"][0]["id"]
    application = f"applications/{made['application']['id']}"
    await _call(graph, "PATCH", application, {"displayName": f"Application {number:05}", "tags": [tag]})
    wanted = {"templateId": job_template, "useSavedCredentials": False, "credentials": [SECRET]}
    await _call(graph, "POST", f"{principal}/jobs/validateCredentials", wanted)
    job = await _call(graph, "POST", f"{principal}/jobs", {"templateId": job_template})
    await _call(graph, "PUT", f"{principal}/secrets", {"value": [SECRET, {"key": "SyncAll", "value": "true"}]})
    await _call(graph, "POST", f"{principal}/jobs/{job['id']}/start", {})


async def provision_all(instances: int, concurrency: int) -> float:
    """Provision so many instances, so many at once; return the seconds from the first request to the last answer."""
    variables = os.environ
    trust = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    slots = asyncio.Semaphore(concurrency)

    async def one(number: int) -> None:
        async with slots:
            await provision(graph, template_id, number)

    root = variables["ENTRA_FLEET_GRAPH_URL"]
    async with httpx.AsyncClient(base_url=f"{root}/v1.0/", verify=trust, timeout=60.0, trust_env=False) as graph:
        graph.headers["Authorization"] = f"Bearer {await _sign_in(graph, root)}"
        found = await _call(graph, "GET", f"applicationTemplates?$filter=displayName eq '{TEMPLATE}'")
        template_id = found["value"][0]["id"]
        began = time.perf_counter()
        await asyncio.gather(*map(one, range(instances)))
        return time.perf_counter() - began


async def _sign_in(graph: httpx.AsyncClient, root: str) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": os.environ["AZURE_CLIENT_ID"],
        "client_secret": os.environ["AZURE_CLIENT_SECRET"],
        "scope": f"{root}/.default",
    }
    url = f"{os.environ['AZURE_AUTHORITY_HOST']}/{os.environ['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    answer = await graph.post(url, data=form)
    return str(answer.raise_for_status().json()["access_token"])


async def _call(graph: httpx.AsyncClient, method: str, path: str, body: object = None) -> dict:
    answer = await graph.request(method, path, json=body)
    answer.raise_for_status()
    return answer.json() if answer.content else {}


if __name__ == "__main__":
    seconds = asyncio.run(provision_all(int(sys.argv[1]), int(sys.argv[2])))
    print(json.dumps({"seconds": seconds}))  # noqa: T201 - the answer to the benchmark
