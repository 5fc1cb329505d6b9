from collections import Counter

from graph_emulator import Clock, Emulator, EmulatorSettings


def estate(number, **settings):
    return Emulator(EmulatorSettings(estate=number, **settings), Clock.frozen()).controls.state()


def test_an_estate_has_as_many_service_principals_as_were_asked_for_and_jobs_on_one_in_twenty():
    state = estate(400)
    types = Counter(each["servicePrincipalType"] for each in state["servicePrincipals"])
    assert sum(types.values()) == 400
    assert types["Application"] == 240
    assert set(types) == {"Application", "ManagedIdentity", "Legacy", "SocialIdp"}
    assert len(state["jobs"]) == 20
    assert sum(len(jobs) == 2 for jobs in state["jobs"].values()) == 3
    assert set(state["secrets"]) < set(state["jobs"]) | set(state["secrets"])


def test_its_jobs_are_in_every_state_that_the_service_knows():
    jobs = [job for found in estate(400)["jobs"].values() for job in found]
    seen = {(job["schedule"]["state"], job["status"]["code"]) for job in jobs}
    assert seen == {
        ("Active", "Active"),
        ("Active", "NotRun"),
        ("Active", "Quarantine"),
        ("Disabled", "Paused"),
        ("Disabled", "Quarantine"),
        ("Paused", "Paused"),
    }
    assert any(job["templateId"] == "customappssoOutDelta" for job in jobs)


def test_the_same_seed_makes_the_same_estate_and_another_seed_another():
    assert estate(100) == estate(100)
    ids = [{each["id"] for each in estate(100, seed=seed)["servicePrincipals"]} for seed in (1, 2)]
    assert not ids[0] & ids[1]


def test_without_one_the_tenant_is_empty():
    assert estate(0)["servicePrincipals"] == []
