from collections import Counter

from graph_emulator import Clock, Emulator, EmulatorSettings
from graph_emulator.clock import TICKS_PER_SECOND, read_ticks
from graph_emulator.directory.signing_certificates import active_key, public_keys, read_certificate, thumbprint


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


def test_its_certificates_are_in_every_state():
    emulator = Emulator(EmulatorSettings(estate=400), Clock.frozen())
    now = emulator.clock.now()
    by_saml = [each for each in emulator.controls.state()["servicePrincipals"] if each["preferredSingleSignOnMode"]]
    days = Counter()
    for principal in by_saml:
        active, keys = active_key(principal, now), public_keys(principal)
        left = (read_ticks(active["endDateTime"]) / TICKS_PER_SECOND - now) / 86_400 if active else None
        days[(None if left is None else "ended" if left < 0 else "soon" if left < 60 else "valid", len(keys))] += 1
    assert set(days) == {(None, 0), ("ended", 1), ("soon", 1), ("soon", 2), ("valid", 1), ("valid", 2)}
    assert 15 < sum(days.values()) < 30
    prints = [thumbprint(read_certificate(key)) for principal in by_saml for key in public_keys(principal)]
    assert len(set(prints)) == len(prints)


def test_the_same_seed_makes_the_same_estate_and_another_seed_another():
    assert estate(100) == estate(100)
    ids = [{each["id"] for each in estate(100, seed=seed)["servicePrincipals"]} for seed in (1, 2)]
    assert not ids[0] & ids[1]


def test_without_one_the_tenant_is_empty():
    assert estate(0)["servicePrincipals"] == []
