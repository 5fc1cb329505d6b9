"""How far a roll-out in waves has come is there for the next run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flows.store import Kind, Rollout, RolloutWave
from tests.store.events import MOMENT, TENANT


def rollout(started_at=MOMENT, fleet="contoso", **given):
    waves = (RolloutWave(number=1, members=("a",)), RolloutWave(number=2, members=("b", "c")))
    known = {"a": {"digest": "1", "wanted": "2"}}
    plain = {"tenant_id": TENANT, "fleet": fleet, "plan_digest": "d", "fingerprints": known, "waves": waves}
    return Rollout(**(plain | {"started_at": started_at} | given))


def test_a_rollout_comes_back_as_it_was_and_goes_on(store):
    made = rollout()
    store.rollouts.begin(made)
    assert store.rollouts.under_way(TENANT, "contoso") == made
    verdicts = ({"key": "a", "reasons": ["no"]},)
    wave = replace(made.waves[0], state="held", began_at=MOMENT, before={"a": 3}, verdicts=verdicts)
    store.rollouts.save_wave(made.id, wave)
    store.rollouts.save_state(made.id, "held")
    found = store.rollouts.under_way(TENANT, "contoso")
    assert (found.state, found.waves) == ("held", (wave, made.waves[1]))
    store.rollouts.save_state(made.id, "finished")
    assert store.rollouts.under_way(TENANT, "contoso") is None


def test_a_fleet_has_one_under_way(store):
    first, other = rollout(), rollout(fleet="fabrikam")
    second = rollout(MOMENT + timedelta(hours=1))
    for each in (first, other, second):
        store.rollouts.begin(each)
    assert store.rollouts.under_way(TENANT, "contoso") == second
    assert [each.state for each in store.rollouts.of_fleet(TENANT, "contoso")] == ["running", "superseded"]
    assert store.rollouts.under_way(TENANT, "fabrikam") == other


def test_old_ones_go_with_the_journal_but_for_one_that_is_under_way(store):
    finished, held = rollout(), rollout(fleet="fabrikam")
    for each, state in ((finished, "finished"), (held, "held")):
        store.rollouts.begin(each)
        store.rollouts.save_state(each.id, state)
    list(store.older_than(MOMENT).prune(Kind.JOURNAL))
    assert len(store.rollouts.of_fleet(TENANT, "contoso")) == 1
    list(store.older_than(datetime.now(UTC) + timedelta(days=1)).prune(Kind.JOURNAL))
    assert store.rollouts.of_fleet(TENANT, "contoso") == []
    assert len(store.rollouts.of_fleet(TENANT, "fabrikam")) == 1
