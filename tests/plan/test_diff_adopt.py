"""Which applications are taken because the file names them, and which are not."""

import pytest

from flows.fleet_file.loader import FleetFileError, fleet_from_object
from flows.plan.diff import diff_fleet
from flows.tenant.observe import observe_fleet
from graph_emulator import Clock, Emulator, EmulatorSettings
from tests.adopt.test_fleet_file import application_of
from tests.estates import DATABRICKS, fleet, instance
from tests.tenant.crowds import STILL, graph_of, settle

NOWHERE = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def emulator():
    return Emulator(EmulatorSettings(**STILL), Clock.frozen())


async def planned(emulator, **fields):
    wanted = fleet_from_object(fleet(instance("one", display_name="By hand", **fields)))
    async with await graph_of(emulator) as graph:
        return diff_fleet(wanted, await observe_fleet(graph, wanted)).instances[0]


async def test_what_the_file_names_is_taken_with_its_job_and_credentials(emulator):
    by_hand = application_of(emulator, settle(emulator, None, "By hand"))
    plan = await planned(emulator, adopt=by_hand.upper())
    assert (str(plan.action), plan.application_id, bool(plan.job_id)) == ("adopt", by_hand, True)
    assert [(change.field, change.after) for change in plan.changes] == [("mark", "entra-fleet:contoso:one")]
    assert (plan.writes, dict(plan.credentials)) == (1, {"SecretToken": "unknown"})


async def test_without_being_named_it_is_a_conflict_that_says_how(emulator):
    settle(emulator, None, "By hand")
    conflict = (await planned(emulator)).conflict
    assert conflict.code == "NameTaken"
    assert "entra-fleet adopt --template Box" in conflict.hint


async def test_what_is_not_there_cannot_be_adopted(emulator):
    conflict = (await planned(emulator, adopt=NOWHERE)).conflict
    assert (conflict.code, conflict.message) == (
        "AdoptNotFound",
        f"The tenant has no application {NOWHERE} to adopt as one.",
    )


@pytest.mark.parametrize("tag", ["entra-fleet:theirs:one", "entra-fleet:contoso:two"])
async def test_what_bears_a_mark_is_not_taken(emulator, tag):
    theirs = application_of(emulator, settle(emulator, None, "By hand"))
    emulator.controls.edit(theirs, {"tags": [tag]})
    plan = await planned(emulator, adopt=theirs)
    assert (plan.conflict.code, plan.writes) == ("MarkedByAnother", 0)
    assert plan.conflict.message == f"The application {theirs} has the ownership tag {tag}."


async def test_an_instance_that_is_there_takes_no_second_application(emulator):
    ours = application_of(emulator, settle(emulator, "one", "By hand"))
    other = application_of(emulator, settle(emulator, None, "Other"))
    conflict = (await planned(emulator, adopt=other)).conflict
    assert conflict.message == f"one already has application {ours}, but adopt names {other}."


async def test_the_line_may_stay_once_it_is_done(emulator):
    ours = application_of(emulator, settle(emulator, "one", "By hand"))
    assert str((await planned(emulator, adopt=ours)).action) == "none"


async def test_another_template_stays_a_conflict(emulator):
    by_hand = application_of(emulator, settle(emulator, None, "By hand", DATABRICKS))
    assert (await planned(emulator, adopt=by_hand)).conflict.code == "OtherTemplate"


def test_an_application_can_be_only_one_instance():
    with pytest.raises(FleetFileError) as refused:
        fleet_from_object(fleet(instance("one", adopt=NOWHERE), instance("two", adopt=NOWHERE)))
    assert [each.place.path for each in refused.value.problems] == ["instances[1].adopt"]


async def test_many_are_looked_up_in_batches(emulator):
    ids = [application_of(emulator, settle(emulator, None, f"App k{n}")) for n in range(60)]
    wanted = fleet_from_object(fleet(*(instance(f"k{n}", adopt=each) for n, each in enumerate(ids))))
    async with await graph_of(emulator) as graph:
        plan = diff_fleet(wanted, await observe_fleet(graph, wanted))
        # Three listings and the recycle bin as ever; ids and appIds in fifteens, jobs and secrets, in twenties.
        assert graph.requests_sent <= 15
    assert plan.count()["adopt"] == 60
