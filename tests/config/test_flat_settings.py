import pytest

from tuneformer.config.flat_settings import flat_settings

pytestmark = pytest.mark.fast


def test_settings_have_their_path_and_keep_their_order() -> None:
    settings = {"b": {"d": {"e": 1}, "c": [{"x": 2}]}, "a": None, "none": {}}
    assert list(flat_settings(settings)) == [("b.d.e", 1), ("b.c", [{"x": 2}]), ("a", None)]
    assert list(flat_settings({"a": 1}, "model.")) == [("model.a", 1)]
