"""How the tenant is, in the words of the stories, and whether it is as it must be."""

from tests.proof import invariants


def assert_all_is_well(world, states):
    """The invariants hold, and every job is in its state, by key."""
    invariants.assert_one_application_a_key(world, states)
    invariants.assert_one_job_each(world)
    invariants.assert_in_order(world)
    invariants.assert_nothing_twice(world)
    invariants.assert_one_certificate_a_subject(world)
    invariants.assert_one_policy_a_name(world)
    invariants.assert_token_stayed_home(world)
    assert states_of_jobs(world) == states


def states_of_jobs(world):
    """The state of each job, by the key of its instance."""
    state = world.emulator.controls.state()
    keys = {each["id"]: mark_of(each) for each in state["servicePrincipals"]}
    return {keys[principal]: state_of(job) for principal, jobs in state["jobs"].items() for job in jobs}


def mark_of(thing):
    """The key that an application or service principal bears."""
    return next((tag.split(":")[2] for tag in thing["tags"] if tag.startswith("entra-fleet:")), None)


def state_of(job):
    """The state of a job in one word."""
    return "Quarantine" if job["status"]["code"] == "Quarantine" else job["schedule"]["state"]
