"""A fleet file that is edited, a portal where others are at work, and a Graph that fails now and then."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from graph_client.errors import GraphError
from graph_emulator.faults.rules import read_fault
from tests.estates import AWS, DATABRICKS, fleet, instance
from tests.mappings.schemas import attribute, schema_of, users
from tests.proof import invariants
from tests.proof.looks import state_of
from tests.proof.portal import ACTS, Portal

TEMPLATES = {"one": "Box", "two": DATABRICKS, "three": AWS, "four": "Box"}
KEYS = st.sampled_from(sorted(TEMPLATES))
FEW = st.integers(0, 2)
LOSSES = ["503", "commit, then 503", "commit, then 404", "reset", "commit, then reset", "429", "truncate", "html 502"]
ODDITIES = ["404", "409", "expired token", "unknown enum", "missing schedule", "hostile next link"]
# People stand as numbers here: their ids are known when the tenant is.
EDITS = st.one_of(
    st.fixed_dictionaries({"job": st.sampled_from(["running", "paused", "unmanaged"])}),
    st.fixed_dictionaries({"display_name": st.integers(0, 1)}),
    st.fixed_dictionaries({"notes": st.sampled_from(["first", "second"]), "delete_threshold": st.integers(1, 2)}),
    st.fixed_dictionaries({"scope": st.sampled_from(["all", "assigned"])}),
    st.fixed_dictionaries({"mappings": st.sampled_from(["mail", "companyName", "surname"])}),
    st.fixed_dictionaries({"assignments": st.sets(FEW), "owners": st.sets(FEW)}),
)


def titles(key, source):
    """Mappings that take the title of users from another attribute."""
    target = users(schema_of(TEMPLATES[key]))["targetObjectName"]
    rows = {"title": {"attribute": source}}
    return {"object_mappings": [{"source": "User", "target": target, "attributes": rows}]}


class EstateMachine(RuleBasedStateMachine):
    """Whatever happened in between, a calm apply makes the tenant what the file says, and touches nothing else."""

    world = None

    @initialize(keys=st.sets(KEYS, min_size=1), applied=st.booleans())
    def begin(self, keys, applied):
        self.world.reset()
        self.portal = Portal(self.world)
        self.users = [each["id"] for each in self.world.emulator.controls.state()["users"]]
        self.file = {key: instance(key, TEMPLATES[key]) for key in sorted(keys)}
        if applied:
            self.world.apply(self.wanted)

    @property
    def wanted(self):
        return fleet(*self.file.values())

    @rule(key=KEYS, edit=EDITS)
    def edit_the_file(self, key, edit):
        change = dict(edit)
        if "display_name" in change:
            change["display_name"] = f"App {key} {change['display_name']}"
        if "owners" in change:
            change["owners"] = [self.users[each] for each in sorted(change["owners"])]
            change["assignments"] = [{"user": self.users[each]} for each in sorted(change["assignments"])]
        if TEMPLATES[key] == AWS:
            # Its roles are imported first: who waits for one is a matter of its own.
            change.pop("assignments", None)
        if "mappings" in change:
            change["mappings"] = titles(key, change["mappings"])
        self.file[key] = self.file.get(key, instance(key, TEMPLATES[key])) | change

    @rule(key=KEYS)
    def strike_out(self, key):
        self.file.pop(key, None)

    @rule(key=KEYS, act=st.sampled_from(ACTS))
    def act_in_the_portal(self, key, act):
        act(self.portal, key)

    @rule(seconds=st.sampled_from([1.0, 3600.0]))
    def wait(self, seconds):
        self.world.time.leap(seconds)

    @rule(fault=st.sampled_from(LOSSES + ODDITIES), occurrence=st.integers(1, 60), times=st.integers(1, 3))
    @precondition(lambda self: self.file)
    def apply_in_trouble(self, fault, occurrence, times):
        reviewed = self.world.plan(self.wanted).digest
        self.world.emulator.controls.add_faults([read_fault(f"*#{occurrence + n}: {fault}") for n in range(times)])
        try:
            self.world.apply(self.wanted, plan_digest=reviewed)
        except GraphError:
            pass
        finally:
            self.world.emulator.controls.clear_faults()

    @rule()
    @precondition(lambda self: self.file)
    def apply_in_peace(self):
        planned = self.world.plan(self.wanted)
        outcome, writes = self.applied(plan_digest=planned.digest)
        assert [str(each.failure) for each in outcome.instances if each.failure] == []
        assert planned.writes == len(writes), writes
        _, writes = self.applied()
        assert writes == []
        self.check_against_the_file()

    def applied(self, **parameters):
        before = len(self.world.requests(writes=True))
        outcome = self.world.apply(self.wanted, **parameters)
        return outcome, [record.operation for record in self.world.requests(writes=True)[before:]]

    def check_against_the_file(self):
        for key, wanted in self.file.items():
            (application,) = self.portal.applications(key)
            assert application["displayName"] == wanted["display_name"]
            assert wanted.get("notes") in {None, application["notes"]}
            (job,) = self.portal.jobs(key)
            for each in wanted.get("mappings", {}).get("object_mappings", ()):
                found = attribute(self.world.emulator.controls.schema(job["id"]), "title")
                assert found["source"]["name"] == each["attributes"]["title"]["attribute"]
            if wanted.get("job", "running") == "running":
                # Deletions that a threshold of the file holds back are left to a person.
                waits = key in self.portal.starved or _reason(job) == "TooManyDeletes"
                assert state_of(job) in {self.portal.held.get(key, "Active"), *(["Quarantine"] if waits else [])}
            elif wanted["job"] == "paused":
                assert state_of(job) != "Active"

    @invariant()
    def all_is_well(self):
        if not hasattr(self, "file"):
            return
        marks = [mark for mark, found in self.world.applications().items() for _ in found]
        assert len(marks) == len(set(marks)) <= len(TEMPLATES)
        assert all(len(jobs) <= 1 for jobs in self.world.jobs().values())
        invariants.assert_in_order(self.world)
        invariants.assert_nothing_twice(self.world)
        invariants.assert_token_stayed_home(self.world)
        for key, state in self.portal.held.items():
            assert [state_of(job) for job in self.portal.jobs(key)] == [state]


def _reason(job):
    return (job["status"].get("quarantine") or {}).get("reason")
