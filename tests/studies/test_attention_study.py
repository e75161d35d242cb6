"""The study of attention modules: all of them, at equal parameters."""

from functools import cache
from pathlib import Path

import torch
from omegaconf import OmegaConf

from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.models.build import build_model
from tuneformer.models.size import n_parameters

CONF = Path(__file__).parents[2] / "conf"
METHODS = OmegaConf.load(CONF / "experiment/attention_methods.yaml").search.grid["attention,model.d_ff"]


@cache
def parameters(attention: str, d_ff: int) -> int:
    config = check_config(*compose_config(["experiment=attention_study", f"attention={attention}"]))
    with torch.device("meta"):
        model = build_model(config["model"] | {"d_ff": d_ff}, config["attention"], needs={"vocab_size": 256})
    return n_parameters(model)


def test_every_module_is_studied_as_near_to_the_parameters_of_the_baseline_as_a_width_brings_it() -> None:
    assert {option for option, _ in METHODS} == {file.stem for file in (CONF / "attention").glob("*.yaml")}
    assert METHODS[0][0] == "multi_head"
    wanted = parameters(*METHODS[0])
    for option, width in METHODS:
        own, wider = parameters(option, width), parameters(option, width + 1)
        # one wider is a row more of each of the feed-forward matrices
        assert abs(own - wanted) <= (wider - own) / 2
        assert abs(own - wanted) <= 0.01 * wanted
    # 64 x 64 in a gate are 21 columns of three matrices with 64 rows
    assert dict(map(tuple, METHODS))["gated_output"] == METHODS[0][1] - 21
