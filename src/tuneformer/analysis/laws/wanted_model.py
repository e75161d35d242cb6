"""The model and length that a prediction is for, from the settings that were typed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tuneformer.analysis.laws.ladder_file import TOKENS_A_PARAMETER, LadderEntry
from tuneformer.checks.config import checked_config
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.models.build import build_model
from tuneformer.models.size import CountsFlops, flops_per_token, n_parameters_beside_embeddings
from tuneformer.runs.identity import NAME_OF_SIZES

PARAMETERS, TOKENS = "parameters", "tokens"
HORIZON, VALIDATED = "trainer.max_steps", "trainer.val_check_interval"
CHINCHILLA = "chinchilla*"
FLOPS_A_PARAMETER = 6.0


@dataclass(frozen=True, kw_only=True)
class WantedModel:
    """What a prediction is for.

    Attributes:
        parameters: without those of embeddings and of the output matrix.
        tokens: that it is trained on.
        flops: of training it.
        overrides: what trains it, beside rate and decay; empty where sizes and tokens alone were typed.
    """

    parameters: float
    tokens: float
    flops: float
    overrides: tuple[str, ...] = ()


def wanted_model(
    to: str, *, given: Sequence[str], axis: Sequence[str], vocab_size: int | None
) -> WantedModel:
    """What `--to` stands for: "parameters=... tokens=...", or settings of a run.

    Args:
        to: as it was typed.
        given: what the ladder's runs of the method were given; what `to` gives takes its place.
        axis: the settings that make the ladder's sizes.
        vocab_size: of the ladder's models.

    Raises:
        UserError: it says neither, or the settings do not compose.
    """
    parts = (part.partition("=") for part in to.split())
    typed = {key: value for key, _, value in parts}
    if typed.keys() <= {PARAMETERS, TOKENS}:
        parameters, tokens = (_positive(to, name, typed.get(name, "")) for name in (PARAMETERS, TOKENS))
        flops = FLOPS_A_PARAMETER * parameters * tokens
        return WantedModel(parameters=parameters, tokens=tokens, flops=flops)
    if HORIZON not in typed or not (
        NAME_OF_SIZES in typed or all(key in typed for key in axis if key != NAME_OF_SIZES)
    ):
        raise UserError(
            f"--to={to!r} must say {' '.join(f'{key}=...' for key in axis)} {HORIZON}=...,"
            f' or "{PARAMETERS}=... {TOKENS}=..."'
        )
    sizes = NAME_OF_SIZES in typed
    overrides = [override for override in given if not _is_replaced(override, typed, every_size=sizes)] + [
        f"{key}={value}" for key, value in typed.items() if key != HORIZON
    ]
    config = checked_config([*overrides, f"{HORIZON}=1", f"{VALIDATED}=1"])
    parameters, of_a_token = _counted(config, vocab_size)
    a_step = config["data"]["batch_size"] * config["data"]["context_length"]
    steps = _steps(to, typed[HORIZON], parameters, a_step)
    return WantedModel(
        parameters=parameters,
        tokens=steps * a_step,
        flops=of_a_token * steps * a_step,
        overrides=(*overrides, f"{HORIZON}={steps}"),
    )


def axis_of(entry: LadderEntry) -> list[str]:
    """The settings that make the size of a point."""
    return [part.partition("=")[0] for part in entry.size.split(",")]


def _is_replaced(override: str, typed: dict[str, str], *, every_size: bool) -> bool:
    """Whether what is typed decides a setting: model.size decides all whole numbers of the model."""
    key, _, value = override.partition("=")
    return key in (*typed, HORIZON, VALIDATED) or (
        every_size and key.startswith("model.") and value.isdecimal()
    )


def _counted(config: Config, vocab_size: int | None) -> tuple[int, float]:
    """Parameters without embeddings, and operations of training on a token; built on the meta device."""
    needs: dict[str, Any] = {"vocab_size": vocab_size or 1}
    with torch.device("meta"):
        model = build_model(config["model"], config["attention"], needs=needs)
    parameters = n_parameters_beside_embeddings(model)
    if not isinstance(model, CountsFlops):
        return parameters, FLOPS_A_PARAMETER * parameters
    return parameters, flops_per_token(model, context_length=config["data"]["context_length"])


def _steps(to: str, typed: str, parameters: int, a_step: int) -> int:
    multiple = typed.removeprefix(CHINCHILLA)
    number = _positive(to, HORIZON, multiple)
    if multiple != typed:
        number = TOKENS_A_PARAMETER * number * parameters / a_step
    elif not typed.isdecimal():
        raise UserError(f"--to={to!r}: {HORIZON}={typed} must be a number of steps, or {CHINCHILLA}<number>")
    return max(1, round(number))


def _positive(to: str, name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise UserError(f"--to={to!r}: {name}={text} must be <name>=<positive number>")
    return number
