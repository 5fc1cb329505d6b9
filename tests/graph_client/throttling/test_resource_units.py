"""Resource units by Microsoft's table, judged by the embedded tenant's own count where it has the path."""

import pytest

from graph_client.call import Call
from graph_client.throttling.budget import estimate_units


@pytest.mark.parametrize(
    ("path", "query", "units"),
    [
        ("/applications", {}, 2),
        ("/applications/1", {}, 2),
        ("/applications/1", {"$select": "id"}, 1),
        ("/applications", {"$expand": "owners"}, 3),
        ("/applications", {"$top": "5"}, 1),
        ("/applications", {"$top": "20"}, 2),
        ("/applications", {"$top": "5", "$select": "id"}, 1),
        ("/applicationTemplates", {}, 1),
        ("/servicePrincipals/1", {}, 1),
        ("/servicePrincipals/1/appRoleAssignedTo", {}, 2),
        ("/servicePrincipals/1/synchronization/jobs", {}, 1),
        ("/groups/1/members", {}, 3),
        ("/groups/1/transitiveMembers", {"$select": "id"}, 4),
        ("https://graph.example/v1.0/applications?$select=id&$skiptoken=x", {}, 1),
        ("https://graph.example/v1.0/applications?$skiptoken=x", {}, 2),
    ],
)
def test_a_read_costs_what_the_table_says(path, query, units):
    assert estimate_units(Call.get(path, query)) == units


def test_a_write_costs_one_and_reading_by_ids_like_a_read():
    assert estimate_units(Call.create("/applications", {})) == 1
    assert estimate_units(Call.change("PATCH", "/applications/1")) == 1
    assert estimate_units(Call.create("/directoryObjects/getByIds", {"ids": []})) == 3
