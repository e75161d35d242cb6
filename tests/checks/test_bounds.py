import pytest

from tuneformer.checks.bounds import setting

pytestmark = pytest.mark.fast


def test_a_setting_is_found_by_its_path() -> None:
    config = {"a": {"b": {"c": 3}}, "d": None}
    assert setting(config, "a.b.c") == 3
    assert setting(config, "a.b") == {"c": 3}
    assert [setting(config, path) for path in ("d", "x", "a.x", "a.b.c.d")] == [None] * 4
