"""What an apply reads: the fleet file once, and no more of the tenant than a plan does if there is nothing to do."""

import io
import sys
from contextlib import contextmanager

import pytest

from tests.estates import fleet, instance

OPENED = []
# Templates, applications, service principals twice, and a batch of jobs and settings.
REQUESTS_OF_A_LOOK = 5


class Person(io.StringIO):
    """Somebody at a terminal, who does something before the answer yes."""

    def __init__(self, act=lambda: None):
        super().__init__()
        self.act = act

    def isatty(self):
        return True

    def readline(self, *_):
        self.act()
        return "y\n"


@contextmanager
def opened(path):
    """The times a file is opened, whoever opens it; Python's audit hooks cannot be removed again."""
    if not OPENED:
        OPENED.append(None)
        sys.addaudithook(lambda event, given: OPENED.append((given[0], given[1])) if event == "open" else None)
    OPENED[1:] = []
    times = []
    yield times
    times.extend(file for file, mode in OPENED[1:] if str(file) == str(path) and "r" in (mode or "r"))


@pytest.fixture
def applied(entra_fleet, tenant, write_fleet, prefect_server, monkeypatch):
    """Runs apply on a fleet that the tenant has already, and returns its end and how often the file was opened."""
    path = write_fleet(fleet(*(instance(f"k{number}") for number in range(3))))

    def run(*arguments, person=None):
        if person:
            monkeypatch.setattr(sys, "stdin", person)
        with opened(path) as times:
            ended = entra_fleet("apply", path, *arguments, TOKEN="good", PREFECT_API_URL=prefect_server.api_url)
        return ended, len(times)

    ended, _ = run("--yes")
    assert ended.code == 0
    tenant.forget()
    return run


def notes(tenant):
    return {each["notes"] for each in tenant.emulator.controls.state()["applications"]}


def test_an_apply_with_nothing_to_do_looks_once(applied, tenant):
    ended, readings = applied("--yes")
    assert (ended.code, readings, tenant.on_wire()) == (0, 1, REQUESTS_OF_A_LOOK)
    assert tenant.requests(writes=True) == []


def test_an_apply_that_would_ask_looks_once_if_there_is_nothing_to_do(applied, tenant):
    ended, readings = applied(person=Person())
    assert (ended.code, readings, tenant.on_wire()) == (0, 1, REQUESTS_OF_A_LOOK)


def test_what_was_shown_is_applied_whatever_becomes_of_the_file(applied, tenant, write_fleet):
    shown, later = (fleet(*(instance(f"k{number}", notes=text) for number in range(3))) for text in ("shown", "later"))
    write_fleet(shown)
    ended, readings = applied("--force", person=Person(lambda: write_fleet(later)))
    assert (ended.code, readings) == (0, 1)
    assert notes(tenant) == {"shown"}
    # The second look is the guard: the tenant may have changed while the plan was on the screen.
    assert len(tenant.requests(writes=True)) == 3
    assert len(tenant.requests("list_applications")) == 2


def test_a_tenant_that_changes_before_the_answer_is_left_alone(applied, tenant, write_fleet):
    write_fleet(fleet(*(instance(f"k{number}", notes="shown") for number in range(3))))
    jobs = [job["id"] for found in tenant.jobs().values() for job in found]
    person = Person(lambda: tenant.emulator.controls.act_on_job(jobs[0], "pause"))
    ended, _ = applied("--force", person=person)
    assert ended.code == 1
    assert tenant.requests(writes=True) == []
