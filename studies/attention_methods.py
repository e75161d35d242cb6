"""What the study of attention modules compares: each at as many parameters as the others."""

from functools import cache
from pathlib import Path
from typing import Any

import torch

from studies.tuned_method import TunedMethod
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.options import list_options
from tuneformer.models.build import build_model
from tuneformer.models.feed_forward import default_d_ff
from tuneformer.models.size import n_parameters

BASELINE = "multi_head"
EXPERIMENT = "attention_study"
# the middle is a guess: where the best rate lies on the edge of the grid, the study extends it
RATES = (2e-3, 4e-3, 8e-3)
VOCAB_SIZE = 256  # bytes


def attention_methods(conf: Path) -> tuple[TunedMethod, ...]:
    """Every option of conf/attention, its feed-forward layers as wide as equal parameters ask for."""
    options = list_options("attention", [conf])
    return tuple(
        TunedMethod(
            group="attention", option=option, rates=RATES, overrides=(f"model.d_ff={matched_d_ff(option)}",)
        )
        for option in sorted(options, key=lambda option: option != BASELINE)
    )


def matched_d_ff(option: str) -> int:
    """The width of feed-forward layers that brings the model nearest to the baseline's parameters.

    The baseline has the width of its own option. Every module's parameters are then within half a row of
    the feed-forward matrices, far below 1 % of the model.
    """
    settings = _settings(BASELINE)["model"]
    width = settings["d_ff"] or default_d_ff(settings["feed_forward"], d_model=settings["d_model"])
    wanted, here, one_wider = (
        parameters(name, d_ff) for name, d_ff in ((BASELINE, width), (option, width), (option, width + 1))
    )
    return max(1, width + round((wanted - here) / (one_wider - here)))


@cache
def parameters(option: str, d_ff: int | None) -> int:
    """Trained numbers of the study's model with this attention."""
    config = _settings(option)
    with torch.device("meta"):
        model = build_model(
            config["model"] | {"d_ff": d_ff}, config["attention"], needs={"vocab_size": VOCAB_SIZE}
        )
    return n_parameters(model)


@cache
def _settings(option: str) -> dict[str, Any]:
    return check_config(*compose_config([f"experiment={EXPERIMENT}", f"attention={option}"]))
