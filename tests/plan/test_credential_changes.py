import asyncio
from dataclasses import replace

import pytest
from pydantic import SecretStr

from flows.credentials.fingerprint import FingerprintKey
from flows.credentials.references import Secret
from flows.fleet_file.loader import fleet_from_object
from flows.plan.credential_changes import compare_credentials, fingerprint_credentials
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Plan
from tests.estates import TENANT, fleet, instance

KEY = FingerprintKey(b"0123456789abcdef")
RENAMED = FieldChange("display_name", "a", "b")


def planned(count=1, action=Action.NONE, credentials=None, **fields):
    wanted = fleet(
        *(instance(f"k{n}", credentials=credentials or {"SecretToken": "${env:TOKEN}"}) for n in range(count))
    )
    instances = fleet_from_object(wanted).instances
    plans = (
        InstancePlan("contoso", each, action, **{"service_principal_id": f"SP-{each.key}", "job_id": "j", **fields})
        for each in instances
    )
    return Plan("contoso", TENANT, tuple(plans), ())


def kept(plan, value="old", key=KEY):
    return {
        f"sp-{each.key}": fingerprint_credentials(
            each,
            TENANT,
            f"SP-{each.key}",
            key,
            {name: Secret(SecretStr(value)) for name in each.instance.credentials},
        )
        for each in plan.instances
    }


async def compared(plan, fingerprints, value="new"):
    asked = []

    def read(name):
        asked.append(name)
        return value

    found = await compare_credentials(plan, fingerprints, KEY, {"env": read})
    return found, asked


async def test_what_differs_is_to_be_saved():
    plan = planned()
    (found,) = (await compared(plan, kept(plan)))[0].instances
    assert (found.action, found.changes) == (
        Action.UPDATE,
        (FieldChange("credentials.SecretToken", "saved", "changed"),),
    )
    assert found.writes == 2


async def test_what_is_the_same_is_left_alone():
    plan = planned()
    assert (await compared(plan, kept(plan), value="old"))[0] == plan


@pytest.mark.parametrize("action", [Action.ADOPT, Action.UPDATE])
async def test_other_changes_stay(action):
    plan = planned(action=action, changes=(RENAMED,))
    (found,) = (await compared(plan, kept(plan)))[0].instances
    assert (found.action, [change.field for change in found.changes]) == (
        action,
        ["display_name", "credentials.SecretToken"],
    )


@pytest.mark.parametrize(
    "plan",
    [
        planned(changes=(FieldChange("credentials.SyncAll", None, "to be saved"),), action=Action.UPDATE),
        planned(conflict=Conflict("NameTaken", "", ""), action=Action.CONFLICT),
        planned(service_principal_id=None, action=Action.CREATE),
    ],
    ids=["saved anyway", "conflict", "new"],
)
async def test_nothing_is_read_for_what_needs_no_comparison(plan):
    assert await compared(plan, kept(planned())) == (plan, [])


async def test_nothing_is_read_where_nothing_is_known():
    plan = planned()
    assert await compared(plan, {}) == (plan, [])
    assert (await compared(plan, kept(plan, key=FingerprintKey(b"another key, long"))))[0] == plan


async def test_a_literal_is_compared_with_what_graph_shows_and_has_no_fingerprint():
    plan = planned(credentials={"SecretToken": "${env:TOKEN}", "Domain": "contoso"})
    fingerprints = kept(plan)
    assert set(fingerprints["sp-k0"]) == {"SecretToken"}
    stale = {"sp-k0": fingerprints["sp-k0"] | {"Domain": "once a reference", "Password": "once named"}}
    assert (await compared(plan, stale, value="old"))[0] == plan


async def test_a_reference_that_leads_nowhere_is_a_conflict_of_its_instance():
    plan = planned(2)
    wanted = {"k0": "${env:NONE}", "k1": "${env:TOKEN}"}
    plan = replace(
        plan,
        instances=tuple(
            replace(each, instance=each.instance.model_copy(update={"credentials": {"SecretToken": wanted[each.key]}}))
            for each in plan.instances
        ),
    )
    found = await compare_credentials(plan, kept(plan), KEY, {"env": {"TOKEN": "new"}.__getitem__})
    assert [each.action for each in found.instances] == [Action.CONFLICT, Action.UPDATE]
    conflict = found.instances[0].conflict
    assert (conflict.code, conflict.step) == ("ReferenceUnresolved", "compare-credentials")
    assert "NONE" in conflict.message


async def test_many_are_read_at_the_same_time_but_not_all():
    plan = planned(100)
    reading, most = set(), 0

    async def read(name):
        nonlocal most
        reading.add(task := object())
        most = max(most, len(reading))
        await asyncio.sleep(0)
        reading.remove(task)
        return "old"

    assert await compare_credentials(plan, kept(plan), KEY, {"env": read}) == plan
    assert most == 16
