"""What a sweep is understood to be, from the runs alone and as --by says."""

import itertools
from dataclasses import replace

import pytest

from tests.analysis.compare.trials import trial, trials
from tuneformer.analysis.compare.design import understand
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

GRID = [
    trial(optimizer, lr=lr, seed=seed)
    for optimizer, lr, seed in itertools.product(("adamw", "sgd"), (0.01, 0.1), (0, 1))
]


def test_options_are_compared_numbers_tuned_and_seeds_repeated() -> None:
    design = understand(trials(GRID), by=[])
    assert [d.key for d in design.method] == ["optimizer"]
    # the momentum that sgd alone has comes with the option
    assert [d.key for d in design.tuning] == ["optimizer.lr"]
    assert (design.seeds, design.horizons, design.beside) == ((0, 1), (100.0,), ())
    assert {design.method_of(each) for each in GRID} == {"adamw", "sgd"}
    assert design.describe(design.setting_of(GRID[0])) == "lr=0.01"
    told = design.lines("steps")
    assert told[0].endswith("optimizer (adamw, sgd)")
    assert told[1] == "tuned within each: optimizer.lr (0.01, 0.1)"
    assert told[2] == "repeated: seed (0, 1)"


def test_without_names_options_are_told_by_what_they_build() -> None:
    runs = [trial(optimizer, named=False) for optimizer in ("adamw", "sgd")]
    design = understand(trials(runs), by=[])
    assert [design.method_of(each) for each in runs] == ["adamw", "sgd"]
    # a run without a name is called as another run of the same class
    mixed = [trial("adamw", seed=1), *runs]
    assert [understand(trials(mixed), by=[]).method_of(each) for each in mixed] == ["adamw", "adamw", "sgd"]


def test_options_that_set_the_same_are_one_method() -> None:
    runs = [trial("adamw", seed=0), trial("lion", seed=1)]
    loggers = [replace(runs[0], options={**runs[0].options, "logger": name}) for name in ("none", "wandb")]
    assert understand(trials([*loggers, runs[1]]), by=[]).method[0].key == "optimizer"
    same = [runs[0], replace(trial("adamw", seed=1), options={"optimizer": "my_adamw"})]
    assert {understand(trials(same), by=[]).method_of(each) for each in same} == {"all runs"}


def test_two_options_of_one_class_are_two_methods() -> None:
    other = {"optimizer.weight_decay": 0.3}
    runs = [trial("adamw"), trial("torch.optim.AdamW", changes=other)]
    design = understand(trials(runs), by=[])
    assert {design.method_of(each) for each in runs} == {"adamw", "torch.optim.AdamW"}
    assert design.tuning == ()


def test_words_flags_and_numbers_of_the_model_are_compared_and_lists_of_numbers_tuned() -> None:
    for key, values in (
        ("model.norm", ("rms_norm", "layer_norm")),
        ("attention.qk_norm", (False, True)),
        ("model.d_model", (16, 32)),
    ):
        runs = [trial(changes={key: value}) for value in values]
        assert [d.key for d in understand(trials(runs), by=[]).method] == [key]
    runs = [trial(changes={"optimizer.betas": betas}) for betas in ([0.9, 0.95], [0.9, 0.99])]
    design = understand(trials(runs), by=[])
    assert design.method_of(runs[0]) == "betas=(0.9, 0.95)"  # all that varies
    design = understand(trials([*runs, trial("sgd")]), by=[])
    assert [d.key for d in design.tuning] == ["optimizer.betas"]
    assert design.describe(design.setting_of(runs[0])) == "betas=[0.9, 0.95]"


def test_by_makes_a_number_the_method_and_all_else_tuning() -> None:
    design = understand(trials(GRID), by=["optimizer.lr"])
    assert [d.key for d in design.method] == ["optimizer.lr"]
    assert [d.key for d in design.tuning] == ["optimizer"]
    assert design.method_of(GRID[0]) == "lr=0.01"
    assert understand(trials(GRID), by=["lr"]).method == design.method
    both = understand(trials(GRID), by=["optimizer", "lr"])
    assert {both.method_of(each) for each in GRID} == {
        "adamw, lr=0.01",
        "adamw, lr=0.1",
        "sgd, lr=0.01",
        "sgd, lr=0.1",
    }


def test_what_goes_with_the_method_is_told_and_not_compared() -> None:
    runs = [trial("adamw"), trial("sgd", scheduler="warmup"), trial("lion")]
    design = understand(trials(runs), by=[])
    assert [d.key for d in design.method] == ["optimizer"]
    assert [d.key for d in design.beside] == ["scheduler"]
    other = [trial("adamw"), trial("sgd", changes={"scheduler.warmup": 0.2})]
    design = understand(trials(other), by=[])
    assert (design.tuning, [d.key for d in design.beside]) == ((), ["scheduler.warmup"])


def test_two_groups_crossed_are_both_compared() -> None:
    runs = [trial(o, scheduler=s) for o in ("adamw", "sgd") for s in ("cosine", "warmup")]
    design = understand(trials(runs), by=[])
    assert design.method_of(runs[0]) == "adamw, cosine"
    assert len({design.method_of(each) for each in runs}) == 4


def test_data_sets_and_lengths_are_mixed_only_where_by_says_so() -> None:
    data = [trial(task="a"), trial(task="b")]
    lengths = [trial(steps=100), trial(steps=200)]
    with pytest.raises(UserError, match=r"2 data sets .* add --by data"):
        understand(trials(data), by=[])
    with pytest.raises(UserError, match=r"different lengths \(100, 200 steps\): add --by horizon"):
        understand(trials(lengths), by=["optimizer"])
    assert understand(trials(data), by=["data"]).tasks == ("a", "b")
    assert understand(trials(lengths), by=["trainer.max_steps"]).horizons == (100.0, 200.0)
    design = understand(trials([*GRID, trial("sgd", steps=200)]), by=["horizon"])
    assert [d.key for d in design.method] == ["optimizer"]


def test_what_does_not_vary_cannot_be_compared() -> None:
    with pytest.raises(UserError, match=r"--by=optimzer: optimzer does not vary .* did you mean optimizer"):
        understand(trials(GRID), by=["optimzer"])
    with pytest.raises(UserError, match="scheduler does not vary"):
        understand(trials(GRID), by=["scheduler"])


def test_one_run_is_one_method_with_nothing_tuned() -> None:
    design = understand(trials([trial()]), by=[])
    assert (design.method, design.tuning, design.beside) == ((), (), ())
    assert "nothing: all runs are one method" in design.lines("steps")[0]
    assert design.lines("steps")[2] == "repeated: nothing: one seed"


@pytest.mark.parametrize("values", [(0.0, 0.05, 0.2, 2, 10, 100), (100, 10, 2, 0.2, 0.05, 0.0)])
def test_the_one_setting_that_varies_is_compared_and_numbers_stand_by_size(values: tuple[float, ...]) -> None:
    runs = [trial(seed=s, changes={"scheduler.warmup": v}) for v in values for s in (0, 1)]
    design = understand(trials(runs), by=[])
    assert [d.key for d in design.method] == ["scheduler.warmup"]
    assert design.tuning == ()
    assert (
        design.lines("steps")[0] == "compared (all that varies): scheduler.warmup (0, 0.05, 0.2, 2, 10, 100)"
    )
    ordered = [design.method_of(each) for each in sorted(runs, key=design.rank_of)][::2]
    assert ordered == [f"warmup={v}" for v in ("0", "0.05", "0.2", "2", "10", "100")]


def test_values_that_a_search_drew_are_tuned_though_they_alone_vary() -> None:
    runs = [trial(lr=lr, sampler="random") for lr in (0.1, 0.2)]
    design = understand(trials(runs), by=[])
    assert (design.method, [d.key for d in design.tuning]) == ((), ["optimizer.lr"])


def test_one_setting_that_varies_over_lengths_is_compared_at_each() -> None:
    runs = [trial(steps=n, changes={"scheduler.warmup": w}) for n in (50, 100) for w in (0.0, 0.1)]
    design = understand(trials(runs), by=["horizon"])
    assert [d.key for d in design.method] == ["scheduler.warmup"]


def test_values_that_read_alike_are_told_apart_and_nothing_beside_numbers_can_be_ordered() -> None:
    runs = [trial(changes={"optimizer.eps": eps}) for eps in (0.1234567, 0.12345671, None, 1.0, [0.1, None])]
    design = understand(trials(runs), by=[])
    assert len({design.method_of(each) for each in runs}) == 5
    assert design.method[0].values == (None, 0.1234567, 0.12345671, 1.0, (0.1, None))


def test_a_run_without_a_name_is_called_as_the_one_whose_settings_are_the_same() -> None:
    small = {"optimizer.weight_decay": 0.01}
    runs = [trial("adamw"), trial("adamw", changes=small), trial("adamw", seed=1, changes=small, named=False)]
    runs[1] = replace(runs[1], options={"optimizer": "adamw_small"})
    design = understand(trials(runs), by=[])
    assert [design.method_of(each) for each in runs] == ["adamw", "adamw_small", "adamw_small"]
