"""Records of the directory audit log, whole and mangled."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_client import errors
from graph_client.models import DirectoryAudit
from tests.graph_client.doubles import GRAPH, FakeTime, Script, client, page

RECORD = {
    "id": "Sync_c_1",
    "activityDateTime": "2026-05-01T12:00:00.1234567Z",
    "activityDisplayName": "Update attribute mappings or scope",
    "loggedByService": "Account Provisioning",
    "initiatedBy": {"user": {"id": "u-1", "displayName": "Adele", "userPrincipalName": "a@contoso.example"}},
    "targetResources": [{"id": "sp-1", "displayName": "Box"}, {"id": ""}],
    "additionalDetails": [{"key": "Details", "value": "x"}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(RECORD)), inner, max_size=4),
    max_leaves=8,
)


def test_a_record_of_a_user():
    record = DirectoryAudit.parse(RECORD)
    assert record.activity_date_time == datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert (record.initiated_by.user.id, bool(record.initiated_by.app)) == ("u-1", False)
    assert (record.target.id, record.target.display_name) == ("sp-1", "Box")
    assert [(each.key, each.value) for each in record.additional_details] == [("Details", "x")]


@pytest.mark.parametrize("value", [None, [], {}, {"id": ""}, {"id": None}])
def test_a_record_without_an_id_is_unreadable(value):
    with pytest.raises(errors.UnreadableAnswer):
        DirectoryAudit.parse(value)


@given(st.dictionaries(st.sampled_from(list(RECORD)), JSON))
def test_whatever_else_is_missing_or_mangled_is_nothing(value):
    record = DirectoryAudit.parse({**value, "id": "x"})
    user, app = record.initiated_by.user, record.initiated_by.app
    for text in (record.target.id, user.id, app.service_principal_id, record.activity_display_name):
        assert text is None or isinstance(text, str)
    assert record.activity_date_time is None or record.activity_date_time.tzinfo


async def test_both_logs_share_five_requests_in_ten_seconds():
    time, link = FakeTime(), f"{GRAPH}/v1.0/auditLogs/directoryAudits?$skiptoken="
    script = Script(*(page([], f"{link}{number}") for number in range(3)), page([]))
    async with client(script, time) as graph:
        assert len([each async for each in graph.directory_audits.pages()]) == 4
        assert len([each async for each in graph.provisioning_logs.pages()]) == 1
        assert time.slept == []
        assert len([each async for each in graph.directory_audits.pages()]) == 1
    assert (len(script.requests), time.slept) == (6, [10.0])
