from hypothesis import given
from hypothesis import strategies as st

from flows.tenant.ownership_tag import OwnershipTag, tag_prefix

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)


@given(fleet=NAMES, key=NAMES, display_name=st.text(min_size=1))
def test_a_mark_is_found_again_in_the_tag_and_in_the_unique_name(fleet, key, display_name):
    mark = OwnershipTag(fleet, key)
    assert OwnershipTag.in_tags(["WindowsAzureActiveDirectoryIntegratedApp", mark.tag]) == mark
    assert OwnershipTag.in_name(mark.unique_name(display_name)) == mark
    assert mark.tag.startswith(tag_prefix(fleet))


@given(st.text())
def test_any_other_name_bears_no_mark(name):
    assert "entra-fleet:" in name or OwnershipTag.in_name(name) is None


def test_a_tag_of_another_shape_is_no_mark():
    assert OwnershipTag.in_tags(["entra-fleet", "entra-fleet:a", "entra-fleet:a:b:c", "x:entra-fleet:a:b"]) is None


def test_the_prefix_of_one_fleet_is_not_that_of_a_longer_named_one():
    assert not OwnershipTag("blue-2", "key").tag.startswith(tag_prefix("blue"))
