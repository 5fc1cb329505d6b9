"""Metrics of a store: the right numbers, ages that show what is stale, and nothing of users."""

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from flows.monitoring.metrics import build_registry
from flows.store import Gap, JobObservation, KnownInstance, Measurement, open_store
from tests.cli.conftest import ROOT
from tests.store.audits import MAY, audit
from tests.store.events import BOX, TENANT, failed, succeeded

RULES = ROOT / "deployments/prometheus-rules.yaml"
DASHBOARD = ROOT / "deployments/grafana-dashboard.json"
NOW = datetime.now(UTC)
ABOUT = {"tenant_id": TENANT, "fleet": "contoso"}
JOB = {**ABOUT, "key": "box"}


def fill(store):
    seen = {**JOB, "job_id": "box.1", "service_principal_id": BOX}
    for hours, state in ((3, "steady"), (2, "quarantined")):
        at = MAY - timedelta(hours=hours)
        moments = {"since": at if state == "quarantined" else None, "last_success_at": MAY - timedelta(hours=4)}
        store.jobs.record_all([JobObservation(**seen, observed_at=at, state=state, counts={"escrowed": 7}, **moments)])
    store.instances.keep(TENANT, [KnownInstance(BOX, "contoso", "box")])
    person = {"sourceIdentity": {"id": "u1", "displayName": "Adele Vance", "identityType": "User"}}
    at = {"activityDateTime": (NOW - timedelta(hours=1)).isoformat(), "servicePrincipal": {"id": BOX}}
    old = {**at, "activityDateTime": (NOW - timedelta(days=2)).isoformat()}
    other = {**at, "servicePrincipal": {"id": "elsewhere"}}
    events = [succeeded("1", **at, **person), succeeded("2", **at, **person), failed("3", "X", "y", **at, **person)]
    store.harvests.save(TENANT, [*events, succeeded("4", **old), succeeded("5", **other)], watermark=MAY)
    store.harvests.record_gap(TENANT, Gap("retention", MAY - timedelta(hours=2), MAY))
    store.audits.save(TENANT, [audit()], watermark=MAY)
    store.fingerprints.keep(TENANT, BOX, {"SecretToken": "hmac"}, {"SecretToken": MAY})
    expires = Measurement(**JOB, name="credentials-expire", value=5e9, measured_at=MAY)
    store.measurements.put([expires, Measurement(**ABOUT, name="drift", value=3, measured_at=MAY)])
    store.measurements.put([Measurement(**ABOUT, name="sweep", value=MAY.timestamp(), measured_at=MAY)])
    for count in (5, 2):
        counts = ("graph-requests", "graph-throttled")
        store.measurements.add(
            [Measurement(tenant_id=TENANT, name=name, value=count, measured_at=MAY) for name in counts]
        )


def shown(store):
    return generate_latest(build_registry(store)).decode()


def series(text):
    return {
        (sample.name.removeprefix("entra_fleet_"), *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found, name, **labels):
    return found[name, *sorted(labels.items())]


def test_each_series_has_what_the_store_says(store):
    fill(store)
    found = series(shown(store))
    assert value(found, "store_up") == 1
    assert value(found, "job_state", **JOB, state="quarantined") == 1
    assert value(found, "job_escrows", **JOB) == 7
    two_hours_before = (MAY - timedelta(hours=2)).timestamp()
    assert value(found, "job_quarantined_since_timestamp_seconds", **JOB) == two_hours_before
    assert value(found, "job_observed_timestamp_seconds", **JOB) == two_hours_before
    assert value(found, "job_last_success_timestamp_seconds", **JOB) == (MAY - timedelta(hours=4)).timestamp()
    for scope in ("fleet", "audits"):
        assert value(found, "harvest_watermark_timestamp_seconds", tenant_id=TENANT, scope=scope) == MAY.timestamp()
    assert value(found, "harvest_gap_seconds", tenant_id=TENANT, scope="fleet", reason="retention") == 7200
    assert value(found, "harvest_gap_seconds", tenant_id=TENANT, scope="fleet", reason="unreadable") == 0
    assert value(found, "drift_instances", **ABOUT) == 3
    assert value(found, "sweep_timestamp_seconds", **ABOUT) == MAY.timestamp()
    assert value(found, "credentials_expire_timestamp_seconds", **JOB, source="file") == 5e9
    assert value(found, "credentials_expire_timestamp_seconds", **JOB, source="token") == MAY.timestamp()
    assert value(found, "graph_requests_total", tenant_id=TENANT) == 7
    assert value(found, "graph_throttled_total", tenant_id=TENANT) == 7


def test_events_are_those_of_a_day_and_strangers_are_one_series(store):
    fill(store)
    found = {key[1:]: count for key, count in series(shown(store)).items() if key[0] == "provisioning_events_24h"}
    counted = {(dict(labels)["key"], dict(labels)["status"]): count for labels, count in found.items()}
    assert counted == {("box", "success"): 2, ("box", "failure"): 1, ("", "success"): 1}


def test_a_job_that_is_well_again_has_no_quarantine(store):
    fill(store)
    store.jobs.record_all([JobObservation(**JOB, observed_at=MAY, state="steady", job_id="box.1")])
    found = series(shown(store))
    assert not [key for key in found if key[0] == "job_quarantined_since_timestamp_seconds"]
    assert [dict(key[1:])["state"] for key in found if key[0] == "job_state"] == ["steady"]


def test_no_user_and_no_address_is_in_a_label(store):
    fill(store)
    text = shown(store)
    assert not re.search(r"adele|u1|@|https?://", text, re.IGNORECASE)
    labels = {name for key in series(text) for name, _ in key[1:]}
    assert labels == {"tenant_id", "fleet", "key", "state", "scope", "reason", "action", "status", "source"}


def test_a_store_that_cannot_be_read_says_so_and_nothing_else(sqlite_url):
    with open_store(sqlite_url) as store:
        fill(store)
        with store._database.write() as connection:
            connection.exec_driver_sql("DROP TABLE measurement")
        assert series(shown(store)) == {("store_up",): 0}


def test_an_instance_whose_expiry_was_taken_out_of_the_file_has_none(store):
    fill(store)
    store.measurements.replace_keys(TENANT, "contoso", "credentials-expire", [])
    assert [each.name for each in store.measurements.all()] == [
        "graph-requests",
        "graph-throttled",
        "drift",
        "sweep",
    ]


@pytest.fixture
def promtool():
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool is missing: apt-get install prometheus")
        pytest.skip("promtool is in Debian's prometheus package")

    def run(*arguments, stdin=""):
        return subprocess.run([found, *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False)

    return run


def read(path):
    return YAML(typ="safe").load(path)


def expressions():
    """Every query of the rules and the dashboard; Grafana's variables stand for any text."""
    rules = [rule["expr"] for group in read(RULES)["groups"] for rule in group["rules"]]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return rules, [target["expr"] for panel in panels for target in panel["targets"]]


def test_prometheus_takes_the_metrics_and_the_rules(store, promtool):
    fill(store)
    checked = promtool("check", "metrics", stdin=shown(store))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    assert promtool("check", "rules", RULES).returncode == 0


def test_prometheus_takes_every_query_of_the_dashboard(promtool, tmp_path):
    rules = [{"record": f"query:{n}", "expr": expr} for n, expr in enumerate(expressions()[1])]
    path = tmp_path / "queries.json"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = promtool("check", "rules", path)
    assert (checked.returncode, f"{len(rules)} rules found" in checked.stdout) == (0, True)


def test_rules_and_dashboard_ask_for_series_that_there_are(store):
    fill(store)
    offered = {name for line in shown(store).splitlines() if line.startswith("# TYPE") for name in [line.split()[2]]}
    offered |= {f"{name}_total" for name in offered}
    asked = {name for queries in expressions() for query in queries for name in re.findall(r"entra_fleet_\w+", query)}
    assert asked <= offered


BOX_SERIES = '{tenant_id="t",fleet="f",key="box"}'
HELD_SERIES = '{tenant_id="t",fleet="f",key="held"}'
BARE_SERIES = '{tenant_id="t",key="bare"}'
INPUT = {
    f"entra_fleet_job_quarantined_since_timestamp_seconds{BARE_SERIES}": "0x200",
    f"entra_fleet_job_quarantined_since_timestamp_seconds{BOX_SERIES}": "0x200",
    f"entra_fleet_job_last_success_timestamp_seconds{BOX_SERIES}": "0x200",
    f"entra_fleet_job_last_success_timestamp_seconds{HELD_SERIES}": "0x200",
    'entra_fleet_job_state{tenant_id="t",fleet="f",key="held",state="paused"}': "1x200",
    'entra_fleet_sweep_timestamp_seconds{tenant_id="t",fleet="f"}': "0+900x200",
}


HERE, NOWHERE = {"fleet": "f", "key": "box"}, {"key": "bare"}
"""The labels of an instance, and of an unmanaged job: to Prometheus an empty label is none."""


def expectation(at, alert, *fires):
    """The rules' own texts with the labels filled in, which is what an alert brings."""
    rules = {each["alert"]: each for group in read(RULES)["groups"] for each in group["rules"]}
    expected = []
    for about in fires:
        texts = {
            name: text.replace("{{ $labels.key }}", about["key"]).replace(
                "{{ or $labels.fleet `no fleet` }}", about.get("fleet", "no fleet")
            )
            for name, text in rules[alert]["annotations"].items()
        }
        labels = {"tenant_id": "t", **about, **rules[alert]["labels"]}
        expected.append({"exp_labels": labels, "exp_annotations": texts})
    return {"eval_time": at, "alertname": alert, "exp_alerts": expected}


def test_alerts_fire_when_they_should_and_not_before(promtool, tmp_path):
    test = {
        "interval": "15m",
        "input_series": [{"series": series, "values": values} for series, values in INPUT.items()],
        "alert_rule_test": [
            expectation("45m", "EntraFleetJobQuarantined"),
            expectation("2h", "EntraFleetJobQuarantined", HERE, NOWHERE),
            expectation("26h", "EntraFleetNoSuccess", HERE),
            expectation("26h", "EntraFleetSweepStale"),
        ],
    }
    path = tmp_path / "alerts.json"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15m", "tests": [test]}))
    tested = promtool("test", "rules", path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
