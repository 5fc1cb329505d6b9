import re

import pytest

from graph_emulator import Emulator, EmulatorError, EmulatorSettings, FaultRule
from graph_emulator.faults.rules import read_fault


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            "instantiate#3: commit, then reset",
            FaultRule("reset", operation="instantiate", occurrence=3, after_commit=True),
        ),
        ("*: 503", FaultRule("status", status=503)),
        ("write 5%: commit then 504", FaultRule("status", method="write", probability=0.05, after_commit=True)),
        ("GET x2 : html", FaultRule("html", method="GET", times=2, status=502)),
        ("GET: html 503", FaultRule("html", method="GET")),
        ("/servicePrincipals/*: truncate", FaultRule("truncate", path="/servicePrincipals/*")),
        ("*#1: 429 retry after 86400", FaultRule("status", occurrence=1, status=429, retry_after="86400")),
        ("* 0.5%: expired token", FaultRule("expired_token", probability=0.005)),
        ("*_job: missing schedule", FaultRule("missing_schedule", operation="*_job")),
        ('{"effect": "reset", "operation": "assign"}', FaultRule("reset", operation="assign")),
    ],
)
def test_a_rule_in_one_line(text, rule):
    if "504" in text:
        rule = FaultRule("status", method="write", probability=0.05, after_commit=True, status=504)
    assert read_fault(text) == rule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "fault rule 'nonsense': not understood; write OPERATION|METHOD"),
        ("instantiate: explode", "fault rule 'instantiate: explode': unknown effect 'explode'; known: status, reset"),
        ("instantiate#0: reset", "counted from 1"),
        ("* 200%: reset", "probability 2.0 is not between 0 and 1"),
        ("*: 200", "status 200 is no error"),
        ("{not json", "no JSON"),
        ('{"effect": "reset", "operatoin": "x"}', "unknown field 'operatoin'"),
    ],
)
def test_what_is_no_rule_says_how_one_is_written(text, words):
    with pytest.raises(EmulatorError, match=re.escape(words)):
        read_fault(text)


def test_a_rule_about_an_unknown_operation_is_refused():
    with pytest.raises(EmulatorError, match=r"unknown operation 'instantaite'; known: .*instantiate"):
        Emulator(EmulatorSettings(), faults=[read_fault("instantaite: reset")])


async def test_rules_in_words_through_the_control_interface(open_tenant):
    wire = await open_tenant()
    assert (await wire.send("POST", "/_emulator/faults", {"rules": ["get_job#2: 503"]})).status_code == 200
    refused = await wire.send("POST", "/_emulator/faults", {"rules": ["get_jbo: 503"]})
    assert (refused.status_code, "unknown operation 'get_jbo'" in refused.json()["error"]) == (400, True)
    assert len(wire.emulator.controls.faults) == 1
