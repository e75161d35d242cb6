"""What may be trained and seldom is meant: told before a run, on its configuration alone, without torch."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tuneformer.config.callback_facts import averaging_callbacks
from tuneformer.config.plain import Config
from tuneformer.config.shown import shown
from tuneformer.optim.checks import schedule_of
from tuneformer.optim.facts import facts_in
from tuneformer.optim.schedules import warmup_steps

LONGEST_WARMUP = 0.1
LAST_OF_PEAK = 0.5
LARGEST_INDEPENDENT_DECAY = 0.01
N_SAMPLES = 400


def warnings(config: Config) -> list[str]:
    """What defeats the method chosen: train.py says it as well."""
    return _schedule_with_schedule_free(config)


def lint(config: Config) -> list[str]:
    """The warnings and whatever else is unusual: a line each, with the setting, its value and the reason."""
    return [
        *warnings(config),
        *_no_cooldown(config),
        *_long_warmup(config),
        *_independent_decay(config),
    ]


def factor_of(config: Config) -> Callable[[int], float]:
    """The schedule of a checked configuration: optimizer step -> factor of the peak rate."""
    return partial(schedule_of(config["scheduler"]), horizon=config["trainer"]["max_steps"])


def sampled_steps(horizon: int, number: int = N_SAMPLES) -> list[int]:
    """At most `number` steps of a run, the first and the last among them."""
    if horizon <= number:
        return list(range(horizon))
    return [round(index * (horizon - 1) / (number - 1)) for index in range(number)]


def _schedule_with_schedule_free(config: Config) -> list[str]:
    factor, horizon = factor_of(config), config["trainer"]["max_steps"]
    if not facts_in(config).averages_weights or factor(horizon - 1) >= _peak(config):
        return []
    return [
        f"scheduler {_name(config['scheduler'])} lowers the rate, and {_name(config['optimizer'])} averages"
        " in place of that (2405.15682, made for a constant rate): choose scheduler=warmup"
    ]


def _no_cooldown(config: Config) -> list[str]:
    if facts_in(config).averages_weights or averaging_callbacks(config["callbacks"]):
        return []
    last, peak = factor_of(config)(config["trainer"]["max_steps"] - 1), _peak(config)
    if last <= LAST_OF_PEAK * peak:
        return []
    return [
        f"scheduler {_name(config['scheduler'])} ends at {last / peak:.0%} of its peak rate: the loss falls"
        " as the rate does (2405.18392), so that a run without a cooldown looks worse than it is; choose"
        " scheduler=wsd or cosine, or callbacks=tail_average"
    ]


def _long_warmup(config: Config) -> list[str]:
    horizon, warmup = config["trainer"]["max_steps"], config["scheduler"].get("warmup", 0)
    steps = warmup_steps(warmup, horizon)
    if steps <= LONGEST_WARMUP * horizon:
        return []
    return [
        f"scheduler.warmup={shown(warmup)} takes {steps} of {horizon} steps: more than a tenth of the run is"
        " spent below the peak rate"
    ]


def _independent_decay(config: Config) -> list[str]:
    decay = config["optimizer"].get("weight_decay", 0.0)
    if config["param_groups"]["weight_decay_kind"] != "independent" or decay <= LARGEST_INDEPENDENT_DECAY:
        return []
    return [
        f"optimizer.weight_decay={shown(decay)} with param_groups.weight_decay_kind=independent takes"
        f" {decay:.0%} off every weight in every step: it is not multiplied by the rate; try 1e-4"
    ]


def _peak(config: Config) -> float:
    factor = factor_of(config)
    return max(factor(step) for step in sampled_steps(config["trainer"]["max_steps"]))


def _name(settings: dict[str, Any]) -> str:
    return str(settings["_target_"]).rpartition(".")[2]
