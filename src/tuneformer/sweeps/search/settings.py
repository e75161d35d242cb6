"""The settings of a search beside its spaces, and what Optuna makes of them."""

from dataclasses import field
from typing import TYPE_CHECKING, Annotated

from tuneformer.config.described import describes
from tuneformer.config.plain import Settings
from tuneformer.config.ranges import AT_LEAST_ONE, AT_LEAST_TWO, AT_LEAST_ZERO, POSITIVE, SEED, Number
from tuneformer.config.setting import Setting, Unchecked
from tuneformer.errors import UserError
from tuneformer.runs.trial_roles import ASK, ROLES, SAMPLERS
from tuneformer.sweeps.search.space import Choices, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@describes("search")
class SearchSettings:
    """Which combinations of settings a sweep trains: every one of a grid, or those that a sampler draws."""

    grid: Annotated[
        Unchecked,
        Setting(
            "setting: its values, as {optimizer.lr: [1e-3, 3e-3]}, and what changes together as"
            " {'optimizer,scheduler': [[adamw, cosine], [sgd, warmup]]}; what is typed counts in their place"
        ),
    ] = field(default_factory=Unchecked)
    sampler: Annotated[str, Setting("what draws the trials", tuple(SAMPLERS))]
    seed: Annotated[int, Setting("of the points drawn, whatever the seed of the runs", SEED)]
    startup_trials: Annotated[
        int,
        Setting(
            "random trials before tpe or cmaes model them, and before the median prunes",
            AT_LEAST_ONE,
            source="Optuna: 10",
        ),
    ]
    pruner: Annotated[
        str | None,
        Setting(
            "ends trials early: worse than the median of others at the same step, or asha (1810.05934)",
            ("median", "asha"),
            null="none",
        ),
    ]
    pruner_warmup_steps: Annotated[
        int, Setting("before which no trial is pruned", AT_LEAST_ZERO, unit="optimizer steps")
    ]
    pruner_reduction: Annotated[
        int, Setting("asha: one of so many goes on at each rung", AT_LEAST_TWO, source="1810.05934: 4")
    ]
    storage: Annotated[
        str | None,
        Setting(
            "where the trials lie: postgresql+psycopg://... or mysql+pymysql://... for many machines",
            null="trials.db in the sweep's folder",
        ),
    ]
    study: Annotated[str | None, Setting("the study that a trial belongs to", null="set by the sweep")]
    trial: Annotated[int | None, Setting("its number", AT_LEAST_ZERO, null="set by the sweep")]
    detect: Annotated[
        Number,
        Setting(
            "ask: the difference that is looked for, in the metric; methods closer than it are equivalent",
            POSITIVE,
        ),
    ]
    baseline: Annotated[
        str | None,
        Setting("ask: the method whose setting is checked first, as adamw", null="AdamW, or the first"),
    ]
    check: Annotated[
        bool,
        Setting("ask: try first what often holds a baseline back, such as its initialization"),
    ]
    momentum: Annotated[
        bool,
        Setting("ask: tune the optimizer's momentum or betas too, among values that it names"),
    ]
    horizons: Annotated[
        tuple[int, ...] | None,
        Setting(
            "ask: lengths that each method is tuned and compared at",
            AT_LEAST_ONE,
            unit="optimizer steps",
            null="trainer.max_steps alone",
        ),
    ]
    chinchilla: Annotated[
        tuple[Number, ...] | None,
        Setting(
            "ladder: lengths of each size, in multiples of 20 tokens a parameter (without embeddings)",
            POSITIVE,
            source="20: 2203.15556",
            null="search.flops or search.horizons",
        ),
    ]
    flops: Annotated[
        tuple[Number, ...] | None,
        Setting(
            "ladder: lengths of each size, in compute: all sizes cost as much",
            POSITIVE,
            unit="floating-point operations",
            null="search.chinchilla or search.horizons",
        ),
    ]
    role: Annotated[
        str | None,
        Setting("what a trial of ask is for", ROLES, null="set by the sweep"),
    ]
    spaces: Annotated[
        Unchecked | str,
        Setting(
            "by optimizer: a range (low, high, log) or choices of a setting; null: not searched",
            auto="what each optimizer says itself",
        ),
    ]


def is_search(settings: Settings) -> bool:
    """Whether the group `search` asks for trials, and not for every combination of values."""
    return "sampler" in settings


def is_question(settings: Settings) -> bool:
    """Whether a search is a question with a budget."""
    return settings.get("sampler") == ASK


def is_ladder(settings: Settings) -> bool:
    """Whether a question is asked at several sizes, each at lengths of its own."""
    return "chinchilla" in settings


def check_installed(settings: Settings) -> None:
    """Raises UserError with the command that installs what the search needs and is not there."""
    try:
        import optuna  # noqa: F401

        if settings["sampler"] == "cmaes":
            import cmaes  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            f"search.sampler={settings['sampler']} needs the package {error.name}:"
            " pip install 'tuneformer[search]'"
        ) from error


def distributions(space: Space) -> "dict[str, BaseDistribution]":
    """The space in Optuna's terms."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    made: dict[str, BaseDistribution] = {}
    for path, dimension in space.items():
        if isinstance(dimension, Choices):
            made[path] = CategoricalDistribution(dimension.values)
        elif dimension.whole:
            made[path] = IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
        else:
            made[path] = FloatDistribution(dimension.low, dimension.high, log=dimension.log)
    return made
