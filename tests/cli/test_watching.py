"""The commands `monitor` and `harvest`."""

import json
from datetime import UTC, datetime, timedelta

from graph_emulator import FaultRule
from tests.estates import fleet, instance

AN_HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_quarantine_is_seen_and_the_events_are_kept(tenant, entra_fleet, write_fleet):
    path = write_fleet(fleet(instance("box"), instance("other")))
    api = {"PREFECT_API_URL": "", "TOKEN": "good"}
    assert entra_fleet("apply", path, "--yes", **api).code == 0
    settled = entra_fleet("monitor", path, "--until", "settled", "--interval-seconds", "0.1", **api)
    assert (settled.code, "Traceback" in settled.err) == (0, False)
    box = next(jobs[0]["id"] for jobs in tenant.jobs().values())
    tenant.emulator.controls.quarantine(box, "EncounteredQuarantineException")

    seen = entra_fleet("monitor", path, "--output", "json", **api)
    first, second = json.loads(seen.out)["instances"]
    unwell, well = (first, second) if first["job_id"] == box else (second, first)
    assert (seen.code, unwell["state"], unwell["why"]) == (1, "quarantined", "EncounteredQuarantineException")
    assert unwell["since"] == unwell["quarantine"]["since"] is not None
    assert (well["since"], well["stalled_since"]) == (None, None)

    tenant.emulator.controls.add_faults([FaultRule("truncate", operation="list_provisioning_events", occurrence=1)])
    options = ("--since", AN_HOUR_AGO, "--overlap-minutes", "60", "--all", "--output", "json")
    harvested = json.loads(entra_fleet("harvest", *options, **api).out)
    happened = sum(sum(counts.values()) for counts in tenant.emulator.controls.state()["events"].values())
    assert (harvested["new"], harvested["gaps"]) == (happened, [])

    audited = json.loads(entra_fleet("harvest", "--audits", "--output", "json", **api).out)
    assert (audited["new"] > 0, audited["gaps"], list(audited)) == (True, [], list(harvested))

    events = entra_fleet("events", "--app", unwell["key"])
    assert {json.loads(line)["key"] for line in events.out.splitlines()} == {unwell["key"]}


def test_audits_are_of_every_application_anyway(entra_fleet):
    refused = entra_fleet("harvest", "--audits", "--all")
    assert (refused.code, refused.out) == (2, "")
