"""A Graph that answers batches, and reads that share them."""

import asyncio
import json

import httpx

IDS = [f"id{number}" for number in range(7)]
REFUSED_IN_BATCH = (400, {"error": {"code": "BadRequest", "message": "This request cannot be part of a batch."}}, {})


def failed(status, code="x", **headers):
    return status, {"error": {"code": code, "message": ""}}, {n.replace("_", "-"): v for n, v in headers.items()}


class Graph:
    """Answers batches and lone reads; `part` decides on each read, and `shape` on what a batch looks like."""

    def __init__(self, part=None, *, alone=None, shape=None, whole=None):
        self.part = part or echo
        self.alone = alone or self.part
        self.shape = shape or (lambda parts: {"responses": parts[::-1]})
        self.whole = whole
        self.batches = []
        self.lone = []

    async def __call__(self, request):
        if not request.url.path.endswith("/$batch"):
            self.lone.append(request.url.path.removeprefix("/v1.0"))
            status, body, headers = self.alone(self.lone[-1])
            return httpx.Response(status, json=body, headers=headers)
        steps = json.loads(request.content)["requests"]
        self.batches.append([step["url"] for step in steps])
        if self.whole:
            return self.whole()
        parts = []
        for step in steps:
            status, body, headers = self.part(step["url"])
            parts.append({"id": step["id"], "status": status, "headers": headers, "body": body})
        return httpx.Response(200, json=self.shape(parts))

    @property
    def sizes(self):
        return [len(urls) for urls in self.batches]


def echo(url):
    """An object whose id is the one in its path, or jobs whose template is it."""
    names = url.partition("?")[0].split("/")
    return 200, {"value": [{"id": "job", "templateId": names[2]}]} if len(names) > 3 else {"id": names[2]}, {}


def by_turns(*answers):
    """The first answers of each path, then its echo."""
    left = {}

    def part(url):
        given = left.setdefault(url, list(answers))
        return given.pop(0) if given else echo(url)

    return part


async def applications(graph, ids=IDS):
    reads = (graph.batched.applications.get(each, select=("id", "tags")) for each in ids)
    found = await asyncio.gather(*reads, return_exceptions=True)
    return [each if isinstance(each, BaseException) else each.id for each in found]


async def jobs(graph, ids=IDS):
    reads = (graph.batched.synchronization.jobs(each) for each in ids)
    found = await asyncio.gather(*reads, return_exceptions=True)
    return [each if isinstance(each, BaseException) else each[0].template_id for each in found]
