import pytest

from tests.models.attention.modules import OPTIONS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `option` runs for every file of conf/attention."""
    if "option" in metafunc.fixturenames:
        metafunc.parametrize("option", OPTIONS)
