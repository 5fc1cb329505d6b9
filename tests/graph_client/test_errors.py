"""The error tree, its text, and its way through a pickle."""

import inspect
import pickle
import re

import pytest

from graph_client import errors

KINDS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.GraphError)]


def test_the_tree_at_the_top_is_the_tree():
    drawn = re.findall(r"^[│├└─ ]*([A-Z]\w+)", errors.__doc__.split("\n\n", 1)[1], re.MULTILINE)
    assert sorted(drawn) == sorted(kind.__name__ for kind in KINDS)
    depths = {m[1]: m.start(1) - m.start() for m in re.finditer(r"^[│├└─ ]*([A-Z]\w+)", errors.__doc__, re.MULTILINE)}
    for kind in KINDS:
        depth = len([base for base in kind.__mro__ if issubclass(base, errors.GraphError)]) - 1
        assert depths[kind.__name__] == 4 * depth


def full(kind):
    error = kind(
        "Graph: no",
        verb="GET",
        path="/v1.0/x",
        status=403,
        code="Denied",
        message="no",
        request_id="r",
        client_request_id="c",
        hint="grant it",
        may_have_happened=True,
    )
    error.gave_up = "gave up after 2 attempts in 3 s"
    return error


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_a_pickle(kind):
    error = full(kind)
    if isinstance(error, errors.GraphStatusError):
        error.retry_after_seconds, error.not_yet = 5.0, True
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error)
    assert again.args == error.args


def test_the_text_is_what_where_and_what_to_do():
    assert str(full(errors.Forbidden)).splitlines() == [
        "Graph: no",
        "GET /v1.0/x: 403 Denied, request-id r",
        "gave up after 2 attempts in 3 s; grant it",
    ]


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        ({}, ["no"]),
        ({"hint": "do"}, ["no", "do"]),
        ({"verb": "GET", "path": "/x"}, ["no", "GET /x"]),
        ({"verb": "GET", "path": "/x", "client_request_id": "c"}, ["no", "GET /x: client-request-id c"]),
        ({"status": 502}, ["no", "502"]),
        ({"code": "AADSTS1", "hint": "a\nb"}, ["no", "AADSTS1", "a b"]),
    ],
)
def test_what_is_not_known_leaves_no_gap(parts, lines):
    assert str(errors.GraphError("no", **parts)).splitlines() == lines


def test_what_a_caller_refuses_is_a_value_error():
    assert issubclass(errors.MaskedSecret, ValueError)
    assert issubclass(errors.BadSettings, ValueError)
