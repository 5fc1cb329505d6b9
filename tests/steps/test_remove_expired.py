"""The expired certificates go with a replacement of all, which is sent only once Graph shows all in every read."""

import asyncio
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace

import pytest

from flows.errors import StepFailed
from flows.fleet_file.single_sign_on import CertificateSettings
from flows.monitoring.signing_certificates import read_certificates
from flows.plan.certificates import CertificateChange
from flows.steps.certificates import remove_expired
from flows.steps.idempotency import use_wait_limits
from graph_client.models import SigningKeys
from tests.estates import HASTY
from tests.graph_client.doubles import Script, answer, client
from tests.proof.quick_loop import QuickTime, run

PRINCIPAL = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"


def key(key_id, ends):
    dates = {"startDateTime": "2020-01-01T00:00:00Z", "endDateTime": f"{ends}-01-01T00:00:00Z"}
    return {"keyId": key_id, "type": "AsymmetricX509Cert", "usage": "Verify", "customKeyIdentifier": key_id, **dates}


EXPIRED, VALID, ADDED = key("expired", 2021), key("valid", 2100), key("added", 2101)


def showing(*keys):
    return {"id": PRINCIPAL, "keyCredentials": list(keys)}


def removed(*shown):
    """What is sent where the reads show these, in turn and again."""
    time = QuickTime()
    return run(time, _removed(SimpleNamespace(clock=time.now, sleep=asyncio.sleep), shown))


async def _removed(time, shown):
    turn = count()
    script = Script(
        lambda request: answer(204) if request.method == "PATCH" else answer(200, shown[next(turn) % len(shown)])
    )
    found = read_certificates(SigningKeys(showing(EXPIRED, VALID)), datetime(2026, 1, 1, tzinfo=UTC))
    gone = tuple(each for each in found.certificates if each.key_ids == ("expired",))
    change = CertificateChange(
        "a", "clean", CertificateSettings(), found=found, service_principal_id=PRINCIPAL, removed=gone
    )
    with use_wait_limits(HASTY):
        async with client(script, time) as graph:
            await remove_expired(graph, change)
    return [[each["keyId"] for each in body["keyCredentials"]] for body in script.bodies() if body]


def test_all_but_the_expired_ones_are_sent_as_they_were_just_read():
    assert removed(showing(EXPIRED, VALID, ADDED)) == [["valid", "added"]]


def test_what_another_run_has_removed_is_not_sent_for():
    assert removed(showing(VALID)) == []


@pytest.mark.parametrize(
    "shown",
    [(showing(EXPIRED, VALID, ADDED), showing(EXPIRED, VALID)), (showing(EXPIRED),)],
    ids=["one that was added", "one that was there"],
)
def test_nothing_is_removed_while_a_replica_does_not_show(shown):
    with pytest.raises(StepFailed) as failed:
        removed(*shown)
    assert failed.value.code == "CertificatesUnsettled"
