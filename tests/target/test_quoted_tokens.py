"""Wherever a target quotes the token, in whatever encoding, it is in nothing that we write."""

import json
import logging

import pytest

from flows.cli.commands.check import Depth, _preflight, _show
from flows.configuration.environment import add_prefect_variables
from flows.probe import probe_targets
from tests.estates import NON_GALLERY, estate, fleet, instance
from tests.leaks import ENCODINGS, leaks
from tests.proof.prefect_aside import prefect_aside, run_flow
from tests.target.quoting import FIELDS, QuotingTargets

MARKER = 'm4rk3r-"Zz9/+&<x>%41~\\u0041'


@pytest.mark.parametrize("field", FIELDS)
async def test_a_token_that_is_quoted_back_is_nowhere(field, tmp_path, caplog, capsys, monkeypatch):
    published = []

    async def publish(**artifact):
        published.append(artifact)

    with (
        estate(tmp_path / "tenant", emulator=QuotingTargets) as tenant,
        add_prefect_variables({"TOKEN": MARKER, "ENTRA_FLEET_TARGETS": "localhost"}),
        prefect_aside(),
    ):
        monkeypatch.setattr("flows.run.artifacts.acreate_table_artifact", publish)
        caplog.set_level(logging.DEBUG)
        tenant.emulator.field = field
        wanted = fleet(
            *(
                instance(
                    f"k{number}",
                    NON_GALLERY,
                    credentials={
                        "BaseAddress": f"{tenant.served.url}/scim/k{number}",
                        "SecretToken": "${env:TOKEN}",
                    },
                )
                for number in range(len(ENCODINGS))
            )
        )
        path = tmp_path / "fleet.json"
        path.write_text(json.dumps(wanted))
        found = await _preflight(path, None, None, Depth(target=True))
        _show(found)
        flow_found = await run_flow(probe_targets, wanted)
        assert tenant.emulator.quoted >= 2 * len(ENCODINGS)
    shown = capsys.readouterr()
    told = [json.dumps(each.as_json(), ensure_ascii=False) for each in (found, flow_found)]
    assert published
    assert leaks(MARKER, tmp_path, *told, shown.out, shown.err, caplog.text, json.dumps(published)) == []
