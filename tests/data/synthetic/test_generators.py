"""Every generator against its definition, by solvers that share nothing with it."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import get_class

from tuneformer.config.options import list_options, load_option
from tuneformer.data.contract import IGNORED
from tuneformer.data.draws import philox
from tuneformer.data.examples.examples import Examples
from tuneformer.data.synthetic.base import SyntheticData
from tuneformer.errors import UserError

CONF = Path(__file__).parents[3] / "conf"
NAMES = [
    name
    for name in list_options("data", [CONF])
    if issubclass(get_class(load_option("data", name, [CONF])["_target_"]), SyntheticData)
]
pytestmark = pytest.mark.fast


def make(name: str, **changes: Any) -> Any:
    """The data option with the settings of its file, some of them changed."""
    settings = load_option("data", name, [CONF]) | changes
    kind = get_class(settings.pop("_target_"))
    return kind(**settings)


def drawn(name: str, n: int = 200, **changes: Any) -> tuple[SyntheticData, Examples]:
    data = make(name, **changes)
    return data, data.draw(philox(3, 4), n)


def scored(targets: np.ndarray) -> list[int]:
    return [place for place, target in enumerate(targets) if target != IGNORED]


# solvers: the answers of one example, place by place, from its inputs alone


def solve_induction(data: Any, inputs: list[int]) -> dict[int, int]:
    answers = {}
    for place, token in enumerate(inputs):
        if token in inputs[:place]:
            before = place - 1 - inputs[:place][::-1].index(token)
            answers[place] = inputs[before + 1]
    return answers


def solve_copy(data: Any, inputs: list[int]) -> dict[int, int]:
    half = inputs.index(data.n_symbols)
    return {half + number: inputs[number] for number in range(half)}


def solve_sorting(data: Any, inputs: list[int]) -> dict[int, int]:
    half = len(inputs) // 2
    return dict(enumerate(sorted(inputs[: half + 1]), start=half))


def solve_recall(data: Any, inputs: list[int]) -> dict[int, int]:
    shown = inputs[: 2 * data.n_pairs]
    values = dict(zip(shown[::2], shown[1::2], strict=True))
    rest = range(2 * data.n_pairs, len(inputs))
    return {place: values[inputs[place]] for place in rest if inputs[place] in values}


def solve_needle(data: Any, inputs: list[int]) -> dict[int, int]:
    first = inputs.index(data.n_symbols)
    return {len(inputs) - 1: inputs[first + 1]}


def solve_modular(data: Any, inputs: list[int]) -> dict[int, int]:
    a, _, b, _ = inputs
    return {3: next(c for c in range(data.n_symbols) if b * c % data.n_symbols == a)}


def solve_dyck(data: Any, inputs: list[int]) -> dict[int, int]:
    """What a closing bracket must be at every place where one may come."""
    still_open: list[int] = []
    answers = {}
    for place, token in enumerate(inputs):
        if token < data.n_symbols:
            still_open.append(token)
        else:
            assert still_open.pop() == token - data.n_symbols
        assert len(still_open) <= data.depth
        if still_open:
            answers[place] = still_open[-1] + data.n_symbols
    return answers


EXACT: dict[str, Callable[[Any, list[int]], dict[int, int]]] = {
    "induction": solve_induction,
    "copy": solve_copy,
    "sorting": solve_sorting,
    "recall": solve_recall,
    "needle": solve_needle,
    "modular": solve_modular,
}


@pytest.mark.parametrize("name", EXACT)
def test_the_answers_are_those_of_the_definition_at_exactly_the_places_that_have_one(name: str) -> None:
    data, examples = drawn(name)
    assert examples.inputs.shape == examples.targets.shape == (200, data.context_length)
    assert examples.inputs.min() >= 0
    assert examples.inputs.max() < data.needs["vocab_size"]
    for inputs, targets in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
        assert {place: targets[place] for place in scored(targets)} == EXACT[name](data, inputs)


def test_brackets_close_in_order_and_are_scored_where_one_closes() -> None:
    data, examples = drawn("dyck", n_symbols=3, depth=3)
    for inputs, targets in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
        answers = solve_dyck(data, inputs)
        closing = [place for place in range(len(inputs) - 1) if inputs[place + 1] >= 3]
        assert [place for place in scored(targets) if place < len(inputs) - 1] == closing
        assert all(targets[place] == answers[place] for place in scored(targets))


def test_periods_of_induction_are_all_between_a_quarter_and_a_half() -> None:
    data, examples = drawn("induction", 2000)
    first_scored = (examples.targets != IGNORED).argmax(axis=1)
    assert set(first_scored.tolist()) == set(range(16, 33))
    # a loss that only knows which tokens are in sight: the mean of ln P over periods
    assert np.log(first_scored).mean() == pytest.approx(math.log(3 * data.context_length / 8), abs=0.03)


def test_a_filler_is_never_a_key_and_every_key_is_asked_for_once() -> None:
    _, examples = drawn("recall", n_symbols=20, n_pairs=4, context_length=16)
    for inputs, targets in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
        keys = inputs[:8:2]
        assert len(set(keys)) == 4
        assert sorted(inputs[place] for place in scored(targets)) == sorted(keys)
        fillers = [inputs[place] for place in range(8, 16) if targets[place] == IGNORED]
        assert not set(fillers) & set(keys)
        assert max(fillers) < 10 <= min(inputs[1:8:2])


def test_a_needle_lies_as_far_off_as_it_must_and_every_such_place_comes() -> None:
    data, examples = drawn("needle", 2000, context_length=12, min_distance=5)
    value_places = (examples.inputs[:, :-1] == data.n_symbols).argmax(axis=1) + 1
    assert set((11 - value_places).tolist()) == set(range(5, 11))
    assert ((examples.inputs == data.n_symbols).sum(axis=1) == 2).all()


@pytest.mark.parametrize(("operation", "n_pairs"), [("division", 97 * 96), ("addition", 97 * 97)])
def test_the_table_of_an_operation_is_whole(operation: str, n_pairs: int) -> None:
    examples = make("modular", operation=operation).all_examples()
    a, _, b, _ = examples.inputs.T
    c = examples.targets[:, -1]
    assert len(set(zip(a.tolist(), b.tolist(), strict=True))) == n_pairs == len(a)
    assert ((b * c % 97 == a) if operation == "division" else ((a + b) % 97 == c)).all()


def test_random_answers_have_no_rule_but_stay_the_same() -> None:
    first, second = (make("modular", operation="random").all_examples() for _ in range(2))
    answers = first.targets[:, -1]
    assert (answers == second.targets[:, -1]).all()
    counts = np.bincount(answers, minlength=97)
    # 97 answers, 97 pairs each in the mean: chi-squared with 96 degrees of freedom
    assert ((counts - 97) ** 2 / 97).sum() < 96 + 4 * math.sqrt(2 * 96)


def test_sorting_lists_every_question_once() -> None:
    inputs = make("sorting").all_examples().inputs
    assert len({tuple(row[:6]) for row in inputs.tolist()}) == 3**6 == len(inputs)


# splits and settings


@pytest.mark.parametrize("name", NAMES)
def test_splits_share_no_example_and_do_not_depend_on_the_run(name: str) -> None:
    prepared = make(name, n_validation=150, n_test=150).prepare()
    seen = {
        split: {row.tobytes() for row in np.ascontiguousarray(prepared.split(split).inputs)}
        for split in ("validation", "test")
    }
    seen["train"] = {
        row.tobytes()
        for seed in (0, 1)
        for step in (0, 7)
        for row in prepared.training_step(seed=seed, step=step, batch_size=128).inputs
    }
    assert min(map(len, seen.values())) > 50
    assert not seen["train"] & (seen["validation"] | seen["test"])
    assert not seen["validation"] & seen["test"]
    again = make(name, n_validation=150, n_test=150, batch_size=32).prepare()
    assert again.fingerprint == prepared.fingerprint
    assert (
        make(name, n_validation=149, n_test=150, train_fraction=0.7).prepare().fingerprint
        != again.fingerprint
    )


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "induction",
            {"n_symbols": 31},
            "data.n_symbols=31 must be at least 32, half of data.context_length=64",
        ),
        ("copy", {"context_length": 7}, "data.context_length=7 must be even"),
        ("sorting", {"context_length": 10}, "data.context_length=10 must be odd"),
        ("modular", {"n_symbols": 91}, "data.n_symbols=91 must be prime"),
        ("modular", {"context_length": 5}, "data.context_length=5 must be 4"),
        ("modular", {"operation": "divison"}, "did you mean division?"),
        ("recall", {"n_pairs": 30}, "data.context_length=64 must be at least 90"),
        ("recall", {"n_symbols": 9}, "data.n_symbols=9 must be at least 10"),
        ("needle", {"min_distance": 63}, "data.context_length=64 must be at least 65"),
        ("dyck", {"depth": 0}, "data.depth=0 must be at least 1"),
        ("regression", {"noise": 0.0}, "data.noise=0.0 must be at least 1e-6 and at most 1,000,000"),
        ("regression", {"context_length": 40}, "data.context_length=40 must be odd"),
        ("markov", {"train_fraction": 1.0}, "data.train_fraction=1.0 must be above 0 and below 1"),
        ("markov", {"task": "regression"}, "data.task=regression must be one of synthetic"),
        ("markov", {"n_symbols": 1}, "data.n_symbols=1 must be at least 2"),
    ],
)
def test_settings_that_make_no_task_are_one_line(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        make(name, **changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_vocabulary_that_the_task_does_not_have_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"^data\.vocab_size=7 is not what the data give \(3\): leave it null$"
    ):
        make("markov", vocab_size=7).prepare()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_fraction": 1e-320}, r"^data\.train_fraction=1e-320 leaves no example for train$"),
        ({"n_symbols": 99_999_989}, r"^all pairs need .* lower data\.n_symbols=99999989$"),
    ],
)
def test_a_table_that_cannot_be_listed_or_split_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make("modular", **changes).prepare()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("markov", {"n_symbols": 10**8}),
        ("recall", {"n_symbols": 10**8}),
        ("induction", {"n_symbols": 10**8}),
        ("regression", {"n_symbols": 10**8}),
        ("dyck", {"depth": 10**8}),
    ],
)
def test_examples_that_no_machine_can_draw_are_one_line(name: str, changes: dict[str, int]) -> None:
    setting, value = next(iter(changes.items()))
    with pytest.raises(UserError, match=rf"need at least .* lower .*data\.{setting}={value}"):
        make(name, **changes).prepare()
