"""Services that quote what they got: a secret, in any encoding, in any field of an answer."""

import json
import string
from dataclasses import replace

from hypothesis import strategies as st

from flows.cli.commands.audit import format_record
from flows.configuration.environment import environment
from flows.report.content import build_report
from flows.report.html import render_html
from flows.report.markdown import render_markdown
from flows.store import open_store
from graph_emulator import Emulator
from graph_emulator.wire.problems import Response
from tests.leaks import ENCODINGS, spell

FIELDS = ("code", "message", "details", "request-id", "client-request-id", "header", "page", "oauth")


def quoted(secret, encoding):
    """A secret in one encoding, as text."""
    return spell(secret, encoding).decode("utf-8", "surrogateescape")


def error_with(field, text):
    """Headers and body of an error answer that has a text in one field."""
    error, headers, body = {"code": "BadRequest", "message": "No."}, {}, {}
    if field in ("code", "message"):
        error[field] = text
    elif field == "details":
        error |= {"message": "", "details": [{"code": "x", "message": text}]}
    elif field.endswith("request-id"):
        error["innerError"] = {"innererror": {field: text}}
    elif field == "header":
        headers["request-id"] = text
    elif field == "page":
        return headers, f"<html><title>502 {text}</title></html>".encode("utf-8", "surrogateescape")
    elif field == "oauth":
        error, body = "invalid_client", {"error_description": text}
    return headers, json.dumps({"error": error, **body}).encode()


# At least as many letters and digits as a secret needs that is worth the name.
_CHARACTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
_CORES = st.text(string.ascii_letters + string.digits, min_size=12, max_size=12)


@st.composite
def secrets(draw, longest=8_192):
    """A secret of up to 8 KB, and a part of it that must not show either."""
    core = draw(_CORES)
    blank = draw(st.sampled_from([core, "", " ", "\n\n", '"', "'"]))
    start = draw(st.sampled_from(["", "", "41", "1", "u0041", "amp;", "#39;", "9;", "x2F", "n"]))
    secret = start + blank.join([draw(_CHARACTERS), core, draw(_CHARACTERS)])
    return (secret * draw(st.sampled_from([1, 1, 1, 2, 20])))[:longest], core


# Half an escape before a secret may be read together with its beginning.
_HALVES = st.sampled_from(["", "%", "%4", "%C3", "&", "&#", "&#3", "&am", "\\", "\\x", "\\u", "\\u00", "%u", "\\U000"])
_AROUND = st.builds(str.__add__, st.text(max_size=10), _HALVES)
QUOTED = (secrets(), st.sampled_from(sorted(ENCODINGS)), st.sampled_from(FIELDS), _AROUND)


def read_back():
    """What is made of the store by those who know no secret: audit, report."""
    with open_store(environment().store_url) as store:
        audit = [format_record(*each) for each in store.journal.records(None, None)]
        report = build_report(store, days=2)
        return [json.dumps(audit, ensure_ascii=False), render_html(report), render_markdown(report)]


class QuotingEmulator(Emulator):
    """A tenant in which what holds credentials is refused, each time in another encoding and field.

    `quotes` is which operations do so, by the end of their path. `echoes` is a secret that the target systems are
    quoted with in good answers: in events, in what provisioning on demand came to, and in the status of jobs.
    """

    echoes = None

    quotes = ("validateCredentials",)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.kinds = [(encoding, FIELDS[number % len(FIELDS)]) for number, encoding in enumerate(ENCODINGS)]
        self.quoted = 0

    def handle(self, request):
        if request.path.endswith(self.quotes) and request.method in ("POST", "PUT"):
            body = json.loads(request.body)
            pairs = {each["key"]: each["value"] for each in body.get("credentials", body.get("value", []))}
            if "SecretToken" in pairs:
                encoding, field = self.kinds[self.quoted % len(self.kinds)]
                self.quoted += 1
                text = quoted(pairs["SecretToken"], encoding)
                if field == "header" and not (text.isascii() and text.isprintable()):
                    # A header takes one line of ASCII.
                    field = "message"
                headers, content = error_with(field, f"the target system answered 401 to {text}")
                return Response(400, content, {"content-type": "application/json", **headers})
        response = super().handle(request)
        if self.echoes and response.status == 200 and request.path.startswith(("/v1.0/", "/beta/")):
            return replace(response, body=json.dumps(self._echoing(json.loads(response.body))).encode())
        return response

    def _echoing(self, value):
        """A value in which each event, job and result quotes the secret."""
        if isinstance(value, list):
            return [self._echoing(each) for each in value]
        if not isinstance(value, dict):
            return value
        encoding, _ = self.kinds[self.quoted % len(self.kinds)]
        text = "401 for Bearer " + quoted(self.echoes, encoding).encode("utf-8", "replace").decode()
        error = {"code": "Unauthorized", "message": text}
        told = {}
        if "provisioningStatusInfo" in value:
            info = {"errorCode": "Unauthorized", "reason": text, "additionalDetails": text}
            told = {"provisioningStatusInfo": {"status": "failure", "errorInformation": info}}
        elif "schedule" in value and "status" in value:
            held = {"reason": "EncounteredQuarantineException", "error": error}
            told = {"status": {"code": "Quarantine", "quarantine": held, "lastExecution": {"error": error}}}
        elif {"key", "value"} <= value.keys() and str(value["value"]).startswith(("{", "[")):
            details = {"errorCode": "Unauthorized", "errorMessage": text}
            told = {"key": json.dumps({"result": "Failure", "details": details})}
        self.quoted += bool(told)
        return {name: self._echoing(each) for name, each in value.items()} | told
