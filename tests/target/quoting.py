"""A tenant whose target systems quote the token that they got: in any encoding, in any part of an answer."""

import json

from graph_emulator import Emulator
from graph_emulator.wire.problems import Response
from tests.leaks import ENCODINGS
from tests.quoting import quoted

FIELDS = ("detail", "content-type", "location", "body", "page", "resource")


class QuotingTargets(Emulator):
    """Each request to a target is answered with the token in the next encoding; `field` is where."""

    field = "detail"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.encodings = list(ENCODINGS)
        self.quoted = 0

    def handle(self, request):
        if not request.path.startswith("/scim/"):
            return super().handle(request)
        _, _, token = request.headers.get("authorization", "").partition(" ")
        text = quoted(token, self.encodings[self.quoted % len(self.encodings)]).encode("utf-8", "replace").decode()
        self.quoted += 1
        line = text if text.isascii() and text.isprintable() else "quoted"
        plain = {"content-type": "application/scim+json"}
        schemas = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
        page = {"schemas": schemas, "totalResults": 1, "Resources": [{"id": text, "userName": text, "active": text}]}
        return {
            "detail": Response(400, json.dumps({"detail": f"401 for Bearer {text}"}).encode(), plain),
            "content-type": Response(200, b"{}", {"content-type": line}),
            "location": Response(302, b"", {"location": f"https://evil.example/{line}"}),
            "body": Response(200, json.dumps({**page, "totalResults": text}).encode(), plain),
            "page": Response(502, f"<title>{text}</title>".encode(), {"content-type": "text/html"}),
            "resource": Response(200, json.dumps(page).encode(), plain),
        }[self.field]
