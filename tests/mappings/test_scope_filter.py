"""Scoping filters as filters of the directory."""

import pytest

from flows.mappings.scope_filter import users_filter


@pytest.mark.parametrize(
    ("lines", "condition"),
    [
        ([], ""),
        (["department equals O'Neill"], "department eq 'O''Neill'"),
        (
            ["DEPARTMENT equals Sales and accountEnabled is true", "country is null"],
            "(department eq 'Sales' and accountEnabled eq true) or (country eq null)",
        ),
        (["mail ends with @contoso.com"], "endsWith(mail,'@contoso.com')"),
        (["userType not equals Guest and accountEnabled is false"], "userType ne 'Guest' and accountEnabled eq false"),
        (["jobTitle is not null"], "jobTitle ne null"),
        (["extensionAttribute1 equals x"], None),
        (["department regex match ^S"], None),
        (["department equals A, B"], None),
        (["accountEnabled equals true"], None),
        (["city ends with x"], None),
    ],
)
def test_a_scope_is_counted_where_the_directory_can(lines, condition):
    assert users_filter(lines) == condition
