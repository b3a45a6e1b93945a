import pytest

from tests.support.http_fakes import Desk, make_desk


@pytest.fixture
def desk() -> Desk:
    return make_desk()
