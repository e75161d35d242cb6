"""The memory of this machine, and what is said where it is too little."""

import pytest

from tuneformer.errors import UserError
from tuneformer.process.machine_memory import Room, available_bytes, largest_two

pytestmark = pytest.mark.fast


def test_the_memory_that_is_left_is_told_by_the_system() -> None:
    there = available_bytes()
    assert there is not None
    assert 2**20 < there < 2**50


def test_what_needs_more_than_there_is_is_refused_in_one_line() -> None:
    room = Room(n_bytes=2**31, owner="this machine", left=True)
    room.check_holds("it needs", 2**31, lower="nothing")
    with pytest.raises(UserError) as error:
        room.check_holds("it needs", 3 * 2**30, lower="a=1")
    assert str(error.value) == (
        "it needs at least 3.0 GiB and this machine has 2.0 GiB of memory left: lower a=1"
    )
    Room(n_bytes=None, owner="tpu").check_holds("it needs", 2**80, lower="a=1")


def test_the_two_largest_settings_are_named() -> None:
    assert largest_two({"a": 1, "b": 3, "c": 2}) == "b=3 or c=2"
    assert largest_two({"a": 1}) == "a=1"
