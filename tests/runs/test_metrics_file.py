import math
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneformer.analysis.compare.curves import read_curves
from tuneformer.errors import UserError
from tuneformer.runs.metrics_file import MetricsFile, read_columns, read_last_row, read_rows, read_values

pytestmark = pytest.mark.fast


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.csv"


def test_values_of_one_step_share_a_row_and_known_columns_come_first(path: Path) -> None:
    file = MetricsFile(path, first_step=0)
    file.add(10, {"train/loss": 2.5, "lr/all": 0.001, "tokens": 640})
    file.add(10, {"val/loss": 2.25})
    file.add(20, {"train/loss": 2, "tokens": 1280})
    file.flush()
    assert path.read_text(encoding="utf-8").splitlines() == [
        "step,tokens,train/loss,val/loss,lr/all",
        "10,640,2.5,2.25,0.001",
        "20,1280,2,,",
    ]


def test_a_comma_in_the_name_of_a_column_shifts_nothing(path: Path) -> None:
    file = MetricsFile(path, first_step=0)
    file.add(10, {"train/loss": 2.5, "lr/a,b": 0.5, 'lr/c"d': 0.25, "z": 3})
    file.flush()
    assert read_last_row(path) == read_rows(path)[-1]
    curves = read_curves(path, ["z"])
    assert {name: values.tolist() for name, values in curves.items()} == {
        "step": [10], "train/loss": [2.5], "lr": [0.5], "z": [3],
    }  # fmt: skip
    path.write_text('step,"a\n10,1\n')
    with pytest.raises(UserError, match="is damaged"):
        read_curves(path, [])


def test_a_row_is_on_disk_as_soon_as_the_next_step_arrives(path: Path) -> None:
    file = MetricsFile(path, first_step=0)
    file.add(1, {"a": 1})
    assert read_rows(path) == []
    file.add(2, {"a": 2})
    assert read_rows(path) == [{"step": 1, "a": 1}]
    file.flush()
    file.flush()
    assert [row["a"] for row in read_rows(path)] == [1, 2]


def test_a_late_column_is_added_and_earlier_rows_are_empty_there(path: Path) -> None:
    file = MetricsFile(path, first_step=0)
    file.add(1, {"b": 1})
    file.add(2, {"a": 2, "b": 3})
    file.flush()
    assert path.read_text(encoding="utf-8").splitlines() == ["step,a,b", "1,,1", "2,2,3"]
    columns = read_columns(path)
    assert math.isnan(columns["a"][0])
    assert list(columns["a"][1:] + columns["b"] + columns["step"]) == [2, 1, 3, 1, 2]
    assert read_values(path) == {"a": {2: 2}, "b": {1: 1, 2: 3}}


def test_values_that_come_after_their_row_was_written_join_it(path: Path) -> None:
    file = MetricsFile(path, first_step=0)
    file.add(1, {"a": 1})
    file.flush()
    file.add(1, {"test/loss": 7})
    file.flush()
    assert read_rows(path) == [{"step": 1, "a": 1, "test/loss": 7}]


def test_a_resumed_run_drops_the_rows_beyond_its_checkpoint_and_repeats_none(path: Path) -> None:
    first = MetricsFile(path, first_step=0)
    for step in (10, 20, 30):
        first.add(step, {"train/loss": step})
    first.flush()
    second = MetricsFile(path, first_step=20)
    for step in (30, 40):
        second.add(step, {"train/loss": step + 0.5})
    second.flush()
    assert [(row["step"], row["train/loss"]) for row in read_rows(path)] == [
        (10, 10),
        (20, 20),
        (30, 30.5),
        (40, 40.5),
    ]


def test_a_run_that_starts_over_keeps_nothing(path: Path) -> None:
    first = MetricsFile(path, first_step=0)
    first.add(10, {"a": 1})
    first.flush()
    MetricsFile(path, first_step=0)
    assert read_rows(path) == []


def test_what_is_no_finite_number_survives(path: Path) -> None:
    file = MetricsFile(path, first_step=0)
    file.add(1, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1e300, "e": 5e-324})
    file.flush()
    (row,) = read_rows(path)
    assert math.isnan(row["a"])
    assert [row[name] for name in "bcde"] == [math.inf, -math.inf, 1e300, 5e-324]


def test_a_file_without_rows_has_no_columns(path: Path) -> None:
    MetricsFile(path, first_step=0)
    assert read_rows(path) == []
    assert read_columns(path) == read_values(path) == {}
    path.write_text("", encoding="utf-8")
    assert read_rows(path) == []
    assert MetricsFile(path, first_step=5).path == path


def test_a_last_line_that_a_kill_cut_off_is_left_out(path: Path) -> None:
    path.write_text("step,a\n10,1.5\n120,2.25\n", encoding="utf-8")
    whole = path.read_bytes()
    for length in range(len(b"step,a\n10,1.5\n"), len(whole)):
        path.write_bytes(whole[:length])
        assert read_rows(path) == [{"step": 10, "a": 1.5}]


@pytest.mark.parametrize("content", [b"step,a\n1,word\n", b"step,a\n1,2,3\n", b"a\n1\n", b"step,a\n1,\xff\n"])
def test_a_damaged_file_is_one_line_with_its_name(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_rows(path)
    assert str(error.value).startswith(f"{path} ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("last", ["nan,1", "inf,1", "2,nan", "2,inf", "2,-inf"])
def test_a_last_row_that_tells_no_time_is_damaged(path: Path, last: str) -> None:
    path.write_text(f"step,seconds\n1,1\n{last}\n", encoding="utf-8")
    with pytest.raises(UserError, match="its last row has no step, or no seconds"):
        read_last_row(path)


names = st.sampled_from(["tokens", "train/loss", "val/loss", "a", "b/c", 'd"e', "f,g"])
numbers = st.floats(allow_nan=False) | st.integers(-(10**18), 10**18).map(float)
logged = st.lists(st.tuples(st.integers(0, 2), st.dictionaries(names, numbers, min_size=1)), max_size=12)


@given(first=logged, second=logged, kept=st.integers(0, 30))
@settings(max_examples=60)
def test_the_file_is_a_table_of_the_last_value_of_each_step_and_name(
    first: list[tuple[int, dict[str, float]]], second: list[tuple[int, dict[str, float]]], kept: int
) -> None:
    expected: dict[int, dict[str, float]] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.csv"
        for start, attempt in ((0, first), (kept, second)):
            expected = {step: row for step, row in expected.items() if step <= start}
            file, step = MetricsFile(path, first_step=start), start
            for advance, values in attempt:
                step += advance
                file.add(step, values)
                expected[step] = expected.get(step, {}) | values
            file.flush()
        assert read_rows(path) == [{"step": step, **expected[step]} for step in sorted(expected)]


def test_a_byte_that_is_no_text_is_told_with_its_line(path: Path) -> None:
    path.write_bytes(b"step,train/loss\n" + b"1,2.5\n" * 5000 + b"2,\xff\n" + b"3,2.5\n" * 5000)
    with pytest.raises(UserError, match="is damaged at line 5002: it is not UTF-8; remove that line"):
        read_rows(path)


def test_a_late_column_of_a_long_file_does_not_take_the_file_into_memory(path: Path) -> None:
    file = MetricsFile(path, first_step=0)
    for step in range(1, 5001):
        file.add(step, {f"column_{n}": step / 7 for n in range(20)})
    file.flush()
    tracemalloc.start()
    file.add(5001, {"late": 1.0})
    file.flush()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 1_500_000
    assert peak < 200_000
    assert len(read_rows(path)) == 5001
