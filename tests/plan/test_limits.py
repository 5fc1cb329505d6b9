import pytest

from flows.plan.safety import refuse_large_share


@pytest.mark.parametrize(("count", "of"), [(0, 0), (4, 4), (4, 5), (5, 17), (30, 100), (300, 1000)])
def test_a_few_and_up_to_thirty_percent_may_change(count, of):
    assert refuse_large_share(count, of, "retire") is None


@pytest.mark.parametrize(
    ("count", "of", "share"), [(5, 5, "100"), (5, 16, "31.2"), (31, 100, "31"), (301, 1000, "30.1")]
)
def test_more_is_refused_with_count_share_and_limit(count, of, share):
    refusal = refuse_large_share(count, of, "retire")
    assert refusal.message.startswith(f"This would retire {count} of {of} instances ({share} %)")
    assert "--force" in refusal.hint
