"""Which names a configuration may hold, at which place."""

from typing import Any

import pytest

from tuneformer.config.options import list_options, load_option
from tuneformer.config.registry import PURPOSES, SHIPPED, check_targets, target_modules
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

DECODER = "tuneformer.models.decoder.Decoder"
LIGHTNING = "pytorch_lightning.callbacks"
OURS = "tuneformer.training.callbacks.progress"
ANY = "optimizer._target_=X is not what an optimizer may be: conf/optimizer names "


def refusal(config: dict[str, Any]) -> str:
    with pytest.raises(UserError) as error:
        check_targets(config)
    line = str(error.value)
    assert line.isprintable()
    assert len(line) < 400
    return line


@pytest.mark.parametrize("group", PURPOSES)
def test_every_shipped_option_may_be_called(group: str) -> None:
    for option in list_options(group, [SHIPPED]):
        if (group, option) != ("model", "module"):  # whose class is named by model.target
            check_targets({group: load_option(group, option, [SHIPPED])})


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "torch.load",
        "torch.optimal.X",
        "tuneformerx.Y",
        "hydra.utils.instantiate",
        "hydra.utils.get_method",
        "tuneformer.runs.provenance._git",
        "tuneformer.runs.files.write_text",
        "tuneformer.config.registry.os.system",
        "pytorch_lightning.loggers.wandb.os.system",
        "torch.optim.lr_scheduler.LambdaLR",
        "torch.optim._functional.sys.exit",
        "torch.optim._multi_tensor",
        "torch.optim.",
        "torch.optim",
        " torch.optim.AdamW",
        "torch.optim.AdamW\n",
        "torch.optim.\u0410damW",
        "Torch.optim.AdamW",
        "tuneformer.models.decoder.Decoder",
        "",
        3,
        None,
        True,
        ["os.system"],
        {"_target_": "os.system"},
    ],
)
def test_anything_else_is_refused_in_one_line(target: object) -> None:
    assert "optimizer._target_=" in refusal({"optimizer": {"_target_": target}})


def test_the_nearest_name_is_told_and_never_all_of_them() -> None:
    near = refusal({"model": {"_target_": "tuneformer.models.decoder.Decodr"}})
    assert near == (
        f"model._target_={DECODER[:-2]}r is not what a model may be: did you mean {DECODER}?;"
        " TUNEFORMER_ALLOW=<package>.* allows your own"
    )
    far = refusal({"optimizer": {"_target_": "os.system"}})
    assert "such as pytorch_optimizer.AdEMAMix, or a class of torch.optim or pytorch_optimizer;" in far
    assert f"did you mean {DECODER}?" in refusal({"model": {"_target_": "elsewhere.Decoder"}})


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"attention": {"_target_": DECODER}}, "attention._target_="),
        ({"optimizer": {"betas": {"_target_": "torch.optim.SGD"}}}, "optimizer.betas._target_="),
        ({"optimizer": {"betas": [{"_target_": "torch.optim.SGD"}]}}, "optimizer.betas[0]._target_="),
        ({"optimizer": {"others": {"x": {"_target_": "torch.optim.SGD"}}}}, "optimizer.others.x._target_="),
        (
            {"callbacks": {"_target_": "tuneformer.training.callbacks.progress.Progress"}},
            "callbacks._target_=",
        ),
        ({"callbacks": {"a": {"b": {"_target_": f"{LIGHTNING}.Timer"}}}}, "callbacks.a.b._target_="),
        ({"logger": {"a": {"_target_": f"{LIGHTNING}.Timer"}}}, "logger.a._target_="),
        ({"data": {"path": [[{"_target_": "os.system"}]]}}, "data.path[0][0]._target_="),
        ({"trainer": {"threads": {"_target_": "os.cpu_count"}}}, "trainer.threads._target_="),
        ({"launcher": {"n_jobs": {"_target_": "os.cpu_count"}}}, "launcher.n_jobs._target_="),
        ({"search": {"spaces": {"a": {"_target_": {"choices": ["x"]}}}}}, "search.spaces.a._target_="),
        ({"tags": [{"_target_": "os.system"}]}, "tags[0]._target_=os.system cannot be given"),
        ({"seed": {"_target_": "os.getpid"}}, "seed._target_=os.getpid cannot be given"),
        ({"model": {"_target_": DECODER, "_args_": [1]}}, "model._args_ cannot be given"),
        ({"model": {"_target_": DECODER, "_recursive_": False}}, "model._recursive_ cannot be given"),
        ({"model": {"_convert_": "all"}}, "model._convert_ cannot be given"),
        ({"model": {"_execution_whitelist_": "*"}}, "model._execution_whitelist_ cannot be given"),
        ({"model": {"x": {"_args_": [1]}}}, "model.x._args_ cannot be given"),
        ({"model": {"_partial_": True}}, "model._partial_=True must be false"),
        ({"attention": {"_partial_": "yes"}}, "attention._partial_=yes must be true"),
    ],
)
def test_a_name_belongs_to_its_place(config: dict[str, Any], where: str) -> None:
    assert refusal(config).startswith(where)


def test_an_optimizer_may_stand_wherever_a_shipped_option_has_one() -> None:
    inside = {"_target_": "pytorch_optimizer.Ranger", "_partial_": True}
    check_targets({"optimizer": {"_target_": "tuneformer.optim.hybrid.Hybrid", "matrices": inside}})
    check_targets({"optimizer": {"_target_": "torch.optim.Adamax", "_partial_": True}})


def test_lightnings_callbacks_are_named_or_refused_with_what_to_use_instead() -> None:
    stop = {"_target_": f"{LIGHTNING}.EarlyStopping", "monitor": "val/loss"}
    check_targets({"callbacks": {"stop": stop}})
    assert refusal({"callbacks": {"x": {"_target_": f"{LIGHTNING}.model_checkpoint.ModelCheckpoint"}}}) == (
        f"callbacks.x._target_={LIGHTNING}.model_checkpoint.ModelCheckpoint does not work here:"
        " callbacks.checkpoints writes what a run goes on from, and no other callback may"
    )
    for package in ("pytorch_lightning", "lightning.pytorch"):
        wandb = {"_target_": f"{package}.loggers.WandbLogger"}
        assert refusal({"logger": {"x": wandb}}).endswith("choose logger=wandb")
    assert "did you mean pytorch_lightning.callbacks.EarlyStopping?" in refusal(
        {"callbacks": {"x": {"_target_": f"{LIGHTNING}.early_stopping.EarlyStopping"}}}
    )


def test_the_environment_can_allow_packages_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {
        "model": {"_target_": "mypackage.nets.Mine", "head": {"_target_": "mypackage.Head", "_args_": [1]}}
    }
    assert "TUNEFORMER_ALLOW=<package>.* allows your own" in refusal(mine)
    monkeypatch.setenv("TUNEFORMER_ALLOW", " other.Thing, mypackage.* ,")
    check_targets({"model": {"_target_": "other.Thing"}})
    check_targets({"optimizer": {"_target_": "mypackage.Mine", "inner": {"_target_": "torch.optim.SGD"}}})
    for stranger in ("other.Things", "mypackage2.Mine", "mypackage", ".x"):
        refusal({"model": {"_target_": stranger}})
    refusal({"model": {"d_model": {"_target_": "mypackage.Mine"}}})
    for pattern in ("*", ".*", ""):
        monkeypatch.setenv("TUNEFORMER_ALLOW", pattern)
        refusal({"model": {"_target_": "os.system"}})


def test_the_modules_of_a_configuration_are_those_of_the_projects_own_targets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUNEFORMER_ALLOW", "mypackage.*")
    config = {
        "optimizer": {"_target_": "torch.optim.Muon", "rest": {"_target_": "pytorch_optimizer.Lion"}},
        "callbacks": [{"_target_": "tuneformer.training.callbacks.progress.Progress"}],
        "model": {"_target_": "mypackage.nets.Mine"},
    }
    assert target_modules(config) == {
        "torch.optim",
        "pytorch_optimizer",
        "tuneformer.training.callbacks.progress",
    }
