import pytest

from benchmarks.in_turn import InTurn, in_turn


@pytest.mark.fast
def test_a_ratio_is_the_median_of_pairs_with_its_extremes() -> None:
    found = InTurn(ours=[2.0, 6.0, 30.0], theirs=[1.0, 2.0, 20.0])
    assert found.our_median == 6.0
    assert found.their_median == 2.0
    assert found.ratio() == "2.00 (1.50 to 3.00)"
    assert found.more(1) == "+4.0 (+1.0 to +10.0)"
    assert InTurn(ours=[1.0], theirs=[4.0]).ratio(3) == "0.250"


@pytest.mark.fast
def test_sides_are_measured_in_turn() -> None:
    called: list[str] = []

    def side(name: str) -> float:
        called.append(name)
        return float(len(called))

    found = in_turn(lambda: side("a"), lambda: side("b"), repeats=2)
    assert called == ["a", "b", "a", "b"]
    assert (found.ours, found.theirs) == ([1.0, 3.0], [2.0, 4.0])
