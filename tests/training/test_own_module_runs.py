"""model=module: a class of the user's own, without an option, through everything that follows a run."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

import tuneformer
from tests.training.conftest import TrainHere, assert_same_run
from tuneformer.checks.config import check_config, checked_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.models.build import build_model, plan_model
from tuneformer.optim.param_groups import ParamGroups
from tuneformer.runs.record import read_record
from tuneformer.training.callbacks.run_metrics import RunMetrics

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_project"
GPT = ["model=module", "model.target=own.gpt.GPT", "model.width=16", "model.n_layers=2", "model.n_heads=2"]

MODULES = """
import torch
from torch import nn
from tuneformer.models.parts import AttentionPart

class Bigram(nn.Module):
    def __init__(self, vocab_size: int, width: int = 8, extra: int = 0):
        super().__init__()
        if width == 7:
            raise ValueError("width must be even")
        self.table, self.up = nn.Embedding(vocab_size, width), nn.Linear(width, width)
        self.shift = nn.Parameter(torch.zeros(1, 1, width))
        self.head = nn.Linear(width, vocab_size + extra)
    def forward(self, tokens):
        return self.head(self.up(self.table(tokens)) + self.shift)

class WithLoss(Bigram):
    def forward(self, tokens):
        return super().forward(tokens), None

class Last(Bigram):
    def forward(self, tokens):
        return super().forward(tokens)[:, -1]

class Narrow(Bigram):
    def forward(self, tokens):
        return super().forward(tokens)[..., :5]

class Words(Bigram):
    def forward(self, tokens):
        return tokens

class Broken(Bigram):
    def forward(self, tokens):
        return self.head(tokens)

class Claims(Bigram):
    def attention_parts(self):
        return [AttentionPart(stack="decoder", layer=0, module=self.up, output=self.up, head_dim=4)]

class Thing:
    pass

def bigram(vocab_size: int, width: int) -> Bigram:
    return Bigram(vocab_size, width)
"""


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The example project and a package of small modules, both allowed."""
    (tmp_path / "own_modules.py").write_text(MODULES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.delitem(sys.modules, "own_modules", raising=False)
    monkeypatch.setenv("TUNEFORMER_ALLOW", "own.*,own_modules.*")


@pytest.fixture
def small(small_settings: list[str]) -> list[str]:
    """The smallest run, without its model."""
    return [setting for setting in small_settings if not setting.startswith("model")]


def test_it_trains_and_is_used_as_any_other(small: list[str], command: Callable[..., Any]) -> None:
    done = command("train.py", *small, *GPT, "optimizer=muon", "run_dir=run")
    assert done.status == 0, done.err
    record = read_record(Path("run/record.json"))
    assert record.options["model"] == "module"
    assert "own" in json.loads(Path("run/record.json").read_text(encoding="utf-8"))["versions"]
    answer = command("scripts/evaluate.py", "run")
    assert f"{record.final['test/loss']:.6f}" in "\n".join(answer.out)
    assert command("scripts/generate.py", "run", "--prompt", "the", "--tokens", "20").out[0].startswith("the")
    answer = command("scripts/analyze.py", "run", "--text", "the quick fox")
    assert answer.status == 0, answer.err
    assert answer.out[0] == "run, step 3: GPT with Attention: layers x heads decoder 2 x 2"
    heads = Path("run/analysis/heads.csv").read_text(encoding="utf-8").splitlines()
    assert {"ablation", "importance"} <= {row.split(",")[2] for row in heads} | set(heads[0].split(","))
    assert command("scripts/diagnose.py", "run").status == 0
    assert "finished already" in "\n".join(command("train.py", "run_dir=run").err)


def test_a_sweep_over_its_arguments_is_compared(small: list[str], command: Callable[..., Any]) -> None:
    sweep = ["model.width=8,16", "seed=0,1", "sweep=widths"]
    done = command("train.py", "--multirun", *small, *GPT[:2], "model.n_layers=1", *sweep)
    assert done.status == 0, done.err
    answer = command("scripts/compare.py", "outputs/sweeps/widths")
    assert answer.status == 0, answer.err
    assert {"width=8", "width=16"} <= set(" ".join(answer.out).split())


def test_a_broken_run_goes_on_to_the_same_bits(
    small: list[str], train_here: TrainHere, tmp_path: Path, command: Callable[..., Any]
) -> None:
    steps = ["trainer.max_steps=9", "callbacks.checkpoints.every_n_steps=4"]
    run = [*small, *GPT, "optimizer=soap", *steps]

    def breaks(_: RunMetrics, trainer: pl.Trainer, *__: object) -> None:
        if trainer.global_step == 6:
            raise KeyboardInterrupt

    train_here([*run, "run_dir=unbroken"])
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(RunMetrics, "on_train_batch_start", breaks, raising=False)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever Lightning makes of it
            train_here([*run, "run_dir=broken"])
    assert command("train.py", "run_dir=broken").status == 0
    assert_same_run(tmp_path / "unbroken", tmp_path / "broken")


def test_what_an_experiment_sets_for_other_models_is_left_out(small: list[str]) -> None:
    config = checked_config(["experiment=smoke", *GPT[:2], "model.width=8"])
    assert config["model"] == {
        "target": "own.gpt.GPT",
        "_target_": "own.gpt.GPT",
        "vocab_size": None,
        "context_length": 32,
        "width": 8,
    }
    synthetic = checked_config(["data=copy", *GPT[:2]])
    assert plan_model(synthetic["model"], synthetic["attention"], needs={"vocab_size": 11}).numbers().held


def test_parameters_are_known_by_what_they_are() -> None:
    config = check_config(*compose_config(["model=module", "model.target=own_modules.Bigram"]))
    model = build_model(config["model"], config["attention"], needs={"vocab_size": 256})
    rules = {name: config["param_groups"][name] for name in ("rules", "weight_decay_kind")}
    groups = ParamGroups(**rules, weight_decay_end=1.0).split(model)
    assert {group.rule.name: list(group.parameters) for group in groups} == {
        "norms_and_biases": ["up.bias", "head.bias"],
        "embeddings": ["shift", "table.weight"],
        "output": ["head.weight"],
        "matrices": ["up.weight"],
    }


def test_the_output_may_be_wider_than_the_vocabulary_and_a_function_may_make_it() -> None:
    wider = ["model=module", "model.target=own_modules.Bigram", "model.extra=9"]
    config = check_config(*compose_config(wider))
    model: Any = build_model(config["model"], config["attention"], needs={"vocab_size": 256})
    assert model.rule_names()["head.weight"] == "output.weight"
    config = check_config(
        *compose_config(["model=module", "model.target=own_modules.bigram", "model.width=4"])
    )
    model = build_model(config["model"], config["attention"], needs={"vocab_size": 256})
    assert model.table.weight.shape == (256, 4)


def test_trying_it_draws_nothing() -> None:
    config = check_config(*compose_config(GPT))
    torch.manual_seed(3)
    build_model(config["model"], config["attention"], needs={"vocab_size": 256})
    after = torch.rand(1)
    torch.manual_seed(3)
    importlib.import_module("own.gpt").GPT(
        vocab_size=256, context_length=128, width=16, n_layers=2, n_heads=2
    )
    assert torch.rand(1) == after


REFUSED = [
    ("Bigram", ["model.witdh=8"], "model.witdh is not a setting of own_modules.Bigram: did you mean width?"),
    ("Bigram", ["model.width=wide"], "model.width='wide' must be of the type int"),
    ("bigram", [], "model.width is missing: own_modules.bigram needs it"),
    ("Bigram", ["model.width=7"], "cannot be built: ValueError: width must be even (own_modules.py:10)"),
    ("WithLoss", [], "forward must return logits [2, 3, 256] (batch, time, vocabulary) alone, not tuple"),
    ("Last", [], "forward must return logits [2, 3, 256] (batch, time, vocabulary), not [2, 256]"),
    ("Narrow", [], "not [2, 3, 5] of torch.float32"),
    ("Words", [], "not [2, 3] of torch.int64"),
    ("Broken", [], "cannot read tokens [2, 3]: RuntimeError:"),
    ("Claims", [], "attention_parts() names decoder 0, Linear, which does not call F.scaled_dot_product"),
    ("Thing", [], "model._target_=own_modules.Thing is not a model"),
    ("Nothing", [], "own_modules.Nothing cannot be imported: own_modules has no class"),
]


@pytest.mark.parametrize(("name", "more", "told"), REFUSED)
def test_what_does_not_fit_is_told_in_one_line_before_training(
    name: str, more: list[str], told: str, small: list[str], command: Callable[..., Any]
) -> None:
    chosen = ["model=module", f"model.target=own_modules.{name}", *more]
    done = command("train.py", *small, *chosen, "run_dir=run")
    assert done.status == 2
    assert len(done.err) == 1
    assert told in done.err[0]
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([], "model.target is missing: model=module needs model.target=<value>"),
        (["model.target=os.system"], "TUNEFORMER_ALLOW=<package>.* allows your own"),
        (["model.target=own_nowhere.Model"], "TUNEFORMER_ALLOW=<package>.* allows your own"),
        (["model.target=tuneformer.models.decoder.Decoder"], "is one of those that have options"),
        (["model.target=own_modules.Bigram", "data=language_id"], "model=module cannot do data.task=text_"),
        (["model.target=own_modules.os.system"], "cannot be imported: own_modules has no class"),
    ],
)
def test_only_modules_of_ones_own_are_called(overrides: list[str], told: str) -> None:
    with pytest.raises(UserError) as error:
        checked_config(["model=module", *overrides])
    assert told in str(error.value)


def test_it_is_not_asked_to_keep_documents_apart() -> None:
    with pytest.raises(
        UserError, match="does not go with model=module, which cannot keep documents apart: ch"
    ):
        checked_config([*GPT, "data.documents=separate"])


def test_a_model_without_parts_says_what_cannot_be_shown(
    small: list[str], command: Callable[..., Any]
) -> None:
    tuneformer.train([*small, "model=module", "model.target=own_modules.Bigram", "run_dir=run"])
    answer = command("scripts/analyze.py", "run")
    assert answer.status == 2
    assert answer.err == [
        "error: run has no attention to look at: its model is Bigram, without attention_parts()"
        " (docs/guide-extending.md)"
    ]


def test_rules_by_layer_know_its_layers(small: list[str]) -> None:
    run = tuneformer.train([*small, *GPT, "param_groups.freeze_layers=1", "run_dir=run"])
    assert run.record.model["parameters"] > run.record.model["trained_parameters"]
