"""Secrets of every kind, quoted in every encoding and field, by many tries."""

import asyncio
import json

import pytest
from hypothesis import given, settings

from flows.configuration.environment import add_prefect_variables
from flows.provision import provision_fleet
from tests.estates import estate, fleet, instance
from tests.graph_client.test_redaction import assert_not_told
from tests.leaks import ENCODINGS, leaks
from tests.proof.prefect_aside import prefect_aside, run_flow
from tests.quoting import QUOTED, QuotingEmulator, secrets

pytestmark = pytest.mark.proof


@given(*QUOTED)
@settings(max_examples=1_500)
def test_no_error_quotes_a_secret(secret, encoding, field, around):
    assert_not_told(secret, encoding, field, around)


# What an environment variable can hold.
VALUES = secrets(longest=2_000).filter(lambda drawn: "\0" not in drawn[0] and drawn[0].strip())


@given(VALUES)
@settings(max_examples=3)
def test_no_apply_keeps_a_secret_that_was_quoted(tmp_path_factory, drawn):
    secret, core = drawn
    directory = tmp_path_factory.mktemp("quoting")
    wanted = fleet(*(instance(f"k{number}") for number in range(len(ENCODINGS))))
    with (
        estate(directory, emulator=QuotingEmulator) as tenant,
        add_prefect_variables({"TOKEN": secret}),
        prefect_aside(),
    ):
        outcome = asyncio.run(run_flow(provision_fleet, wanted))
        told = json.dumps(outcome.as_json(), ensure_ascii=False)
        assert tenant.emulator.quoted == outcome.failed == len(ENCODINGS)
        assert leaks(secret, directory, told) == []
        assert core not in told
