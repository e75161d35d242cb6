from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneformer.sweeps.job_names import LONGEST, job_name

pytestmark = pytest.mark.fast


def test_a_name_is_what_the_job_overrides_in_the_order_of_the_keys() -> None:
    assert job_name(["seed=1", "optimizer=adamw"]) == "optimizer=adamw,seed=1"
    assert job_name([]) == "job"


def test_slashes_and_percent_signs_are_written_out() -> None:
    assert job_name(["data.path=a/b%2F.txt"]) == "data.path=a%2Fb%252F.txt"


def test_a_long_name_ends_in_a_hash_and_stays_within_the_limit() -> None:
    path = "data.path=" + "x" * 200
    names = [job_name([path, f"seed={seed}"]) for seed in range(100)]
    assert len(set(names)) == 100
    assert all(len(name.encode()) == LONGEST for name in names)
    assert all(name.startswith("data.path=xxx") for name in names)


def test_a_name_of_exactly_the_limit_is_kept() -> None:
    assert job_name(["a" * LONGEST]) == "a" * LONGEST
    assert job_name(["a" * (LONGEST + 1)]) != "a" * (LONGEST + 1)


def test_a_long_name_is_not_cut_within_a_character() -> None:
    name = job_name(["name=" + "é" * 100])
    assert name.startswith("name=éé")
    assert "\ufffd" not in name
    assert LONGEST - 1 <= len(name.encode()) <= LONGEST


overrides = st.dictionaries(
    st.from_regex(r"[a-z]{1,6}(\.[a-z_]{1,8})?", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=","), max_size=60),
    min_size=1,
    max_size=5,
)


@given(overrides, st.randoms(use_true_random=False))
def test_a_name_is_safe_on_disk_and_does_not_depend_on_the_order(
    values: dict[str, str], draw: Random
) -> None:
    given_order = [f"{key}={value}" for key, value in values.items()]
    shuffled = draw.sample(given_order, len(given_order))
    name = job_name(given_order)
    assert job_name(shuffled) == name
    assert "/" not in name
    assert 0 < len(name.encode()) <= LONGEST


@given(overrides, overrides)
def test_different_jobs_have_different_names(one: dict[str, str], other: dict[str, str]) -> None:
    names = {job_name([f"{key}={value}" for key, value in values.items()]) for values in (one, other)}
    assert len(names) == (1 if one == other else 2)
