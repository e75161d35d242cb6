"""What the study of optimizers compares: each method with its grid of learning rates."""

from dataclasses import dataclass

from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Method:
    """An option of the config group `group`, tuned over `rates`; `overrides` is what else it needs.

    `setting` is what takes the rates: the learning rate, or for a method that finds it the factor of that.
    """

    option: str
    rates: tuple[float, ...]
    overrides: tuple[str, ...] = ()
    group: str = "optimizer"
    setting: str = "optimizer.lr"


def around(rate: float) -> tuple[float, ...]:
    """Five rates, each twice the one before, with `rate` in the middle."""
    return tuple(rate * 2.0**power for power in (-2, -1, 0, 1, 2))


# the middle is a guess: where the best rate lies on the edge of the grid, the study extends it
METHODS = (
    Method(option="sgd", rates=around(0.4)),
    Method(option="adam", rates=around(4e-3)),
    Method(option="adamw", rates=around(4e-3)),
    Method(option="nadam", rates=around(4e-3)),
    Method(option="radam", rates=around(4e-3)),
    Method(option="adafactor", rates=around(1e-2)),
    Method(option="adabelief", rates=around(4e-3)),
    Method(option="lamb", rates=around(1e-2)),
    Method(option="adam_mini", rates=around(4e-3)),
    Method(option="stable_adamw", rates=around(4e-3)),
    Method(option="adopt", rates=around(4e-3)),
    Method(option="ademamix", rates=around(2e-3)),
    Method(option="cautious_adamw", rates=around(4e-3)),
    Method(option="mars", rates=around(4e-3)),
    Method(option="lion", rates=around(5e-4)),
    Method(option="signum", rates=around(5e-4)),
    Method(option="muon", rates=around(2e-2)),
    Method(option="normuon", rates=around(2e-2)),
    Method(option="scion", rates=around(2e-2)),
    Method(option="soap", rates=around(4e-3)),
    Method(option="shampoo", rates=around(4e-3)),
    Method(option="kron", rates=around(2e-3)),
    Method(option="sophia", rates=around(2e-3)),
    # it has no schedule: its averaging is in place of one
    Method(option="schedule_free_adamw", rates=around(8e-3), overrides=("scheduler=warmup",)),
    Method(option="prodigy", rates=around(1.0), setting="optimizer.d_coef"),
    Method(option="sam", rates=around(4e-3)),
)


def choose_methods(names: str | None, methods: tuple[Method, ...] = METHODS) -> tuple[Method, ...]:
    """The methods of these names, separated by commas; all of them for None.

    Raises:
        UserError: the study has no such method.
    """
    if names is None:
        return methods
    known = {method.option: method for method in methods}
    for name in names.split(","):
        if name not in known:
            raise UserError(f"--only={names}: the study has no {name}; it has {', '.join(known)}")
    return tuple(known[name] for name in names.split(","))
