"""Applies that faults are thrown into, and how the tenant must be once they have been repeated in peace."""

from dataclasses import dataclass

from tests.estates import AWS, DATABRICKS, fleet, instance
from tests.proof import invariants


@dataclass(frozen=True)
class Story:
    """What the tenant is like before, the fleet that is applied, and the state each job must be in afterwards."""

    prepare: object
    wanted: object
    states: dict


def _ids(world, kind):
    return [each["id"] for each in world.emulator.state()[kind]]


def _first(world):
    users = _ids(world, "users")
    some = [{"user": users[0]}, {"group": _ids(world, "groups")[0], "role": "User"}]
    return [
        instance("box", notes="first"),
        instance("bricks", DATABRICKS, scope="assigned", delete_threshold=9, assignments=some, owners=[users[3]]),
        instance("aws", AWS),
    ]


def _new(world):
    return fleet(*_first(world))


def _made_and_meddled_with(world):
    """All is running; then one job is paused in the portal, and one got into quarantine."""
    first = fleet(*_first(world), instance("halted"), instance("held"))
    outcome = world.apply(first)
    jobs = {each.key: each.job_id for each in outcome.instances}
    world.emulator.act_on_job(jobs["halted"], "pause")
    world.emulator.quarantine(jobs["held"])


def _changed(world):
    users = _ids(world, "users")
    box, bricks, aws = _first(world)
    more = [*bricks["assignments"], {"user": users[1]}]
    return fleet(
        box,
        bricks | {"key": "dbx", "renamed_from": "bricks", "assignments": more, "owners": [users[3], users[4]]},
        aws | {"job": "paused"},
        instance("halted", display_name="App of another name", notes="second", delete_threshold=7),
        instance("held", notes="second"),
    )


def _nothing(world):
    return None


STORIES = {
    "new": Story(_nothing, _new, dict.fromkeys(["box", "bricks", "aws"], "Active")),
    "changed": Story(
        _made_and_meddled_with,
        _changed,
        {"box": "Active", "dbx": "Active", "aws": "Paused", "halted": "Paused", "held": "Quarantine"},
    ),
}


def assert_all_is_well(world, story):
    """The invariants hold, and every job is as the file says."""
    invariants.assert_one_application_a_key(world, story.states)
    invariants.assert_one_job_each(world)
    invariants.assert_in_order(world)
    invariants.assert_nothing_twice(world)
    invariants.assert_token_stayed_home(world)
    assert states_of_jobs(world) == story.states


def states_of_jobs(world):
    """The state of each job, by the key of its instance."""
    state = world.emulator.state()
    keys = {each["id"]: mark_of(each) for each in state["servicePrincipals"]}
    return {keys[principal]: state_of(job) for principal, jobs in state["jobs"].items() for job in jobs}


def mark_of(thing):
    """The key that an application or service principal bears."""
    return next((tag.split(":")[2] for tag in thing["tags"] if tag.startswith("entra-fleet:")), None)


def state_of(job):
    """The state of a job in one word."""
    return "Quarantine" if job["status"]["code"] == "Quarantine" else job["schedule"]["state"]
