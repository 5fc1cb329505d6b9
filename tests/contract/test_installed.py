import pytest

from tests.contract.conftest import HINT, is_installed, is_required


def test_the_official_sdk_is_there():
    if is_installed():
        return
    if is_required():
        pytest.fail(HINT)
    pytest.skip(HINT)
