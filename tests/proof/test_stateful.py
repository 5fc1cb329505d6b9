"""Edits of the file, edits in the portal and faults in any order: a calm apply ends them all."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.estate_machine import EstateMachine


@pytest.fixture
def machine(world):
    return type("Machine", (EstateMachine,), {"world": world})


@pytest.mark.timeout(600)  # only to make a story that ends badly short enough to read
def test_a_few_stories_end_well(machine):
    run_state_machine_as_test(machine, settings=settings(max_examples=12, stateful_step_count=20))


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_many_stories_end_well(machine):
    run_state_machine_as_test(
        machine, settings=settings(max_examples=1500, stateful_step_count=40, derandomize=False, print_blob=True)
    )
