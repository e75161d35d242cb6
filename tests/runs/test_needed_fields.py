"""What one use of a record or a configuration needs, named where it is absent."""

from pathlib import Path

import pytest

from tuneformer.errors import UserError
from tuneformer.runs.needed_fields import check_present, first_absent

pytestmark = pytest.mark.fast


def test_the_first_path_without_a_value_is_named() -> None:
    values = {"a": {"b": 0, "c": None}, "d": 1}
    assert first_absent(values, ["a", "a.b", "d"]) is None
    for path in ("e", "a.c", "a.e", "d.e", "a.c.e"):
        assert first_absent(values, ["a.b", path, "f"]) == path
        with pytest.raises(UserError) as error:
            check_present(values, [path], file=Path("run/record.json"))
        assert str(error.value) == f"run/record.json is damaged: it has no {path}"
