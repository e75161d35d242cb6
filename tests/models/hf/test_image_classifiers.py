"""Vision Transformers of transformers: what ours do with them is what the library's own classes do."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.hf.models import SMALL
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.errors import UserError
from tuneformer.measures.probe import probe
from tuneformer.models.build import build_model, plan_model
from tuneformer.models.hf.image_classifier import HuggingFaceImageClassifier, StagedImageClassifier
from tuneformer.models.hf.source import ARCHITECTURE_FILE, with_kept_architecture
from tuneformer.models.memory_needed import ModelNumbers
from tuneformer.optim.factory import param_groups

NEEDS = {"image_size": 8, "n_channels": 1, "n_classes": 3}
ARCHITECTURES = ("deit", "dinov2", "vit", "vit_msn")
"""Those that `docs/guide-models.md` says are tested."""
EACH = [pytest.param(name, marks=[] if name == "vit" else pytest.mark.proof) for name in ARCHITECTURES]


def settings_of_vit(name: str | None, *overrides: str) -> dict[str, Any]:
    """The configuration of a small one."""
    chosen = [] if name is None else [f"model.config={name}", *SMALL]
    return check_config(*compose_config(["model=hf", "data=digits", *chosen, *overrides]))


def vit_of(name: str | None, *overrides: str) -> HuggingFaceImageClassifier:
    """A small one with weights drawn from a seed."""
    config = settings_of_vit(name, *overrides)
    torch.manual_seed(0)
    model = build_model(config["model"], config["attention"], needs=NEEDS)
    assert isinstance(model, HuggingFaceImageClassifier)
    return model


STAGED: dict[str, tuple[str, ...]] = {
    "swin": ("model.keys.embed_dim=16", "model.keys.depths=[1,1]", "model.keys.num_heads=[2,4]"),
    "resnet": ("model.keys.embedding_size=8", "model.keys.hidden_sizes=[8,16]", "model.keys.depths=[1,1]"),
}
STAGED["swin"] += ("model.keys.patch_size=1", "model.keys.window_size=4")
STAGED["resnet"] += ("model.keys.layer_type=basic",)


def staged(name: str, *overrides: str) -> StagedImageClassifier:
    """A small one whose layers are of several widths."""
    config = settings_of_vit(None, f"model.config={name}", *STAGED[name], *overrides)
    torch.manual_seed(0)
    model = build_model(config["model"], config["attention"], needs=NEEDS)
    assert isinstance(model, StagedImageClassifier)
    return model


def pictures() -> Tensor:
    """Random ones."""
    return torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", EACH)
def test_its_logits_and_loss_are_those_of_the_librarys_explicit_attention(name: str) -> None:
    model = vit_of(name, "model.dropout=0.3").double().eval()
    config = copy.deepcopy(model.network.config)
    explicit = type(model.network)._from_config(config, attn_implementation="eager").double().eval()
    explicit.load_state_dict(model.network.state_dict())
    images, labels = pictures().double(), torch.tensor([0, 2])
    with torch.no_grad():
        told = explicit(pixel_values=images, labels=labels, output_attentions=True)
        logits = model(images)
        assert not torch.equal(model.train()(images), model(images))
    torch.testing.assert_close(logits, told.logits, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(F.cross_entropy(logits, labels).float(), told.loss.float())
    if name == "deit":  # a second token before the patches has no name on a page
        assert not model.watchers
        return
    seen = probe(model, (images,))
    assert len(seen.streams["encoder"]) == 3
    for site, weights in zip(seen.attention, told.attentions, strict=True):
        torch.testing.assert_close(seen.attention[site].weights, weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", STAGED)
def test_stages_have_the_logits_of_the_librarys_explicit_attention(name: str) -> None:
    model = staged(name, "model.dropout=0.3").double().eval()
    config = copy.deepcopy(model.network.config)
    explicit = type(model.network)._from_config(config, attn_implementation="eager").double().eval()
    explicit.load_state_dict(model.network.state_dict())
    with torch.no_grad():
        told = explicit(pixel_values=pictures().double())
        torch.testing.assert_close(model(pictures().double()), told.logits, rtol=1e-9, atol=1e-9)
    assert not model.watchers
    assert model.layer_parts() == []


@pytest.mark.parametrize("name", STAGED)
def test_stages_are_made_again_from_what_their_run_keeps(name: str, tmp_path: Path) -> None:
    trained, config = staged(name).eval(), settings_of_vit(None, f"model.config={name}", *STAGED[name])
    (tmp_path / ARCHITECTURE_FILE).write_text(trained.kept_files[ARCHITECTURE_FILE], encoding="utf-8")
    kept = with_kept_architecture(config["model"], tmp_path / ARCHITECTURE_FILE)
    loaded = build_model(kept, config["attention"], needs=NEEDS).eval()
    loaded.load_state_dict(trained.state_dict())
    trained.network.save_pretrained(tmp_path / "folder")
    of_folder = settings_of_vit(None, f"model.path={tmp_path / 'folder'}")
    again = build_model(of_folder["model"], config["attention"], needs=NEEDS).eval()
    with torch.no_grad():
        assert torch.equal(loaded(pictures()), trained(pictures()))
        torch.testing.assert_close(again(pictures()), trained(pictures()))


def test_rules_know_stages_by_what_they_are() -> None:
    rules = settings_of_vit("vit")["param_groups"]
    of_swin, of_resnet = (
        {group.rule.name: group.parameters for group in param_groups(rules).split(staged(name))}
        for name in ("swin", "resnet")
    )
    assert len(of_swin["embeddings"]) == 2  # a table of distances in each block
    assert len(of_swin["matrices"]) == 2 * 6 + 1  # and what joins patches
    convolutions = [name for name in of_resnet["output"] if name.endswith("convolution.weight")]
    assert len(convolutions) == len(of_resnet["output"]) - 1 == 6
    assert "matrices" not in of_resnet or not of_resnet["matrices"]


def test_stages_that_do_not_fit_the_images_are_one_line() -> None:
    config = settings_of_vit(None, "model.config=swin")  # windows of 7 places in images of 2
    with pytest.raises(
        UserError, match=r"^model.config=swin cannot be built: RuntimeError: .*; its stages in"
    ) as told:
        build_model(config["model"], config["attention"], needs=NEEDS)
    assert str(told.value).endswith("must go together, and fit images of 8 pixels")


def test_what_a_convolution_costs_is_counted() -> None:
    model = staged("resnet")
    places = [4 * 4, 2 * 2, 2 * 2, 1, 1, 1]  # 8 x 8 pixels, halved before each stage but the first
    kernels = [p for name, p in model.named_parameters() if name.endswith("convolution.weight")]
    order = [4, 2, 2, 1, 1, 1]
    exact = sum(2 * kernel.numel() * n**2 for kernel, n in zip(kernels, order, strict=True)) + 2 * 16 * 3
    assert len(places) == len(kernels)
    assert model.forward_flops(0) == exact
    assert model.n_positions(0) == 1


@pytest.mark.parametrize("name", EACH)
def test_it_is_made_again_from_what_its_run_keeps(name: str, tmp_path: Path) -> None:
    trained, config = vit_of(name).eval(), settings_of_vit(name)
    (tmp_path / ARCHITECTURE_FILE).write_text(trained.kept_files[ARCHITECTURE_FILE], encoding="utf-8")
    kept = with_kept_architecture(config["model"], tmp_path / ARCHITECTURE_FILE)
    loaded = build_model(kept, config["attention"], needs=NEEDS).eval()
    loaded.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(loaded(pictures()), trained(pictures()))


def test_it_goes_on_from_a_folder(tmp_path: Path) -> None:
    trained = vit_of("vit").eval()
    trained.network.save_pretrained(tmp_path)
    with torch.no_grad():
        model = vit_of(None, f"model.path={tmp_path}").eval()
        torch.testing.assert_close(model(pictures()), trained(pictures()))


def test_rules_know_its_parameters_by_what_they_are() -> None:
    rules = settings_of_vit("vit")["param_groups"]
    groups = {group.rule.name: group.parameters for group in param_groups(rules).split(vit_of("vit"))}
    embedding = "network.vit.embeddings"
    assert list(groups["embeddings"]) == [f"{embedding}.cls_token", f"{embedding}.position_embeddings"]
    assert list(groups["output"]) == [
        f"{embedding}.patch_embeddings.projection.weight",
        "network.classifier.weight",
    ]
    assert len(groups["matrices"]) == 2 * 6


def test_its_numbers_are_counted_without_building_it() -> None:
    config = settings_of_vit("vit", "model.n_layers=3")
    counted = plan_model(config["model"], config["attention"], needs=NEEDS).numbers(n_tokens=1)
    there = ModelNumbers.of(vit_of("vit", "model.n_layers=3"), n_tokens=1)
    assert (counted.held, counted.trained) == (there.held, there.trained)


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        (
            "segformer",
            [],
            r"model.config=segformer has no width and heads that are those of all layers: choose vit",
        ),
        (
            "swin",
            [],
            r"model.n_layers=2 is no size of swin, whose layers are of several widths: give model.keys",
        ),
        ("bert", [], r"model.config=bert is no classifier of images of transformers: it is a causal"),
        (
            "vit",
            ["model.keys.patch_size=3"],
            r"model.keys.patch_size=3 must divide the side of the images, 8",
        ),
    ],
)
def test_what_cannot_be_is_one_line(name: str, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as told:
        vit_of(name, *overrides)
    assert "\n" not in str(told.value)
