"""Secrets of every kind, quoted in every encoding and field, by many tries."""

import asyncio
import io
import json
import logging
from contextlib import contextmanager

import pytest
from hypothesis import given, settings

from flows.configuration.environment import add_prefect_variables
from flows.fleet_file.loader import fleet_from_object
from flows.provision import provision_fleet
from flows.rotate import rotate_credentials
from flows.run.context import open_run_context
from flows.run.journal import open_journal
from flows.run.lease import exclusive
from flows.shard import provision_shard
from tests.estates import estate, fleet, instance
from tests.graph_client.test_redaction import assert_not_told
from tests.leaks import ENCODINGS, leaks
from tests.proof.prefect_aside import prefect_aside, run_flow
from tests.quoting import FIELDS, QUOTED, QuotingEmulator, read_back, secrets

pytestmark = pytest.mark.proof


@given(*QUOTED)
@settings(max_examples=1_500)
def test_no_error_quotes_a_secret(secret, encoding, field, around):
    assert_not_told(secret, encoding, field, around)


# What an environment variable can hold.
VALUES = secrets(longest=2_000).filter(lambda drawn: "\0" not in drawn[0] and drawn[0].strip())


@contextmanager
def log():
    """What is logged, down to DEBUG."""
    written, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


async def run_all(wanted, emulator):
    """Plan, apply, rotate and carry out a shard, each refused; what they return."""
    keys = [each["key"] for each in wanted["instances"]]
    yield await run_flow(provision_fleet, wanted, dry_run=True)
    yield await run_flow(provision_fleet, wanted)
    desired = fleet_from_object(wanted)
    async with open_run_context(None), exclusive(desired, "apply", 0), open_journal(desired, None, None) as entry:
        yield await run_flow(provision_shard, wanted, entry.run_id)
    emulator.quotes = ()
    with add_prefect_variables({"TOKEN": "good"}):
        yield await run_flow(provision_fleet, wanted)
    for emulator.quotes in (("validateCredentials",), ("synchronization/secrets",)):
        yield await run_flow(rotate_credentials, wanted, only=keys)


@given(VALUES)
@settings(max_examples=3)
def test_no_run_keeps_a_secret_that_was_quoted(tmp_path_factory, drawn):
    secret, core = drawn
    directory = tmp_path_factory.mktemp("quoting")
    wanted = fleet(*(instance(f"k{number}") for number in range(len(FIELDS))))

    async def told():
        return [repr(each) + json.dumps(each.as_json()) async for each in run_all(wanted, tenant.emulator)]

    with (
        estate(directory, emulator=QuotingEmulator) as tenant,
        add_prefect_variables({"TOKEN": secret}),
        prefect_aside(),
        log() as written,
    ):
        texts = [*asyncio.run(told()), written.getvalue(), *read_back()]
        assert tenant.emulator.quoted >= 4 * len(FIELDS) >= len(ENCODINGS)
        assert leaks(secret, directory, *texts) == []
        assert [number for number, text in enumerate(texts) if core in text] == []
