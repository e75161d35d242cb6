"""Our decoder and its equivalent in transformers: the same logits, gradients and training, in float64."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.models.hf.models import CONTEXT, VOCABULARY, tokens
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.models.build import build_model
from tuneformer.models.decoder import Decoder
from tuneformer.models.hf.equivalent import Equivalent, equivalent_of
from tuneformer.models.hf.library import transformers

GPT2 = (
    "model.norm=layer_norm",
    "model.feed_forward=gelu",
    "model.positions=learned",
    "model.bias=true",
    "model.initialization=xavier",
)
SHAPES = {
    "llama": (),
    "grouped": ("attention=grouped_query", "model.tie_embeddings=false", "model.rope_base=500.0"),
    "one_key": ("attention=multi_query", "model.bias=true"),
    "gpt2": GPT2,
}


def decoder(*overrides: str) -> Decoder:
    """A small one of ours in float64, its vectors no longer 0 and 1."""
    sizes = ["model.n_layers=2", "model.n_heads=4", "model.d_model=32", f"data.context_length={CONTEXT}"]
    config = check_config(*compose_config([*sizes, f"data.vocab_size={VOCABULARY}", *overrides]))
    torch.manual_seed(0)
    model = build_model(config["model"], config["attention"], needs={})
    assert isinstance(model, Decoder)
    for parameter in model.parameters():
        nn.init.normal_(parameter.data, std=0.2, mean=float(parameter.dim() == 1))
    return model.double()


class Rotations(nn.Module):
    """Angles as the library has them, in the precision of the model."""

    def __init__(self, base: float, head_dim: int) -> None:
        super().__init__()
        self.turns = base ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        angles = position_ids[..., None].to(x.dtype) * self.turns
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()


def twin_of(found: Equivalent) -> Any:
    """The library's model with the equivalent's weights."""
    library = transformers()
    config = library.AutoConfig.for_model(found.architecture, **found.keys)
    model = library.AutoModelForCausalLM.from_config(config).double()
    missing, unexpected = model.load_state_dict(found.state, strict=False)
    assert set(missing) <= {"lm_head.weight"}
    assert not unexpected
    if found.architecture == "llama":
        base = found.keys["rope_parameters"]["rope_theta"]
        model.model.rotary_emb = Rotations(base, found.keys["head_dim"])
        norms = [name for name, each in model.named_modules() if type(each).__name__ == "LlamaRMSNorm"]
        for name in norms:  # the library's compute in float32
            norm = nn.RMSNorm(32, eps=found.keys["rms_norm_eps"], dtype=torch.float64)
            norm.weight = model.get_submodule(name).weight
            model.set_submodule(name, norm)
    return model


def found_in(model: Decoder) -> Equivalent:
    """Its equivalent."""
    found = equivalent_of(model)
    assert found is not None
    return found


def gradients(model: nn.Module, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """By name."""
    named = dict(model.named_parameters())
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


def as_gradients_there(model: Decoder, of_ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """Gradients of ours by the names and in the order of the equivalent."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(of_ours[name])
    return found_in(model).state


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_and_gradients_are_those_of_the_twin(shape: str) -> None:
    model = decoder(*SHAPES[shape])
    found = found_in(model)
    assert found.architecture == ("gpt2" if shape == "gpt2" else "llama")
    twin, targets = twin_of(found), tokens(seed=2)
    ours, theirs = model(tokens()), twin(input_ids=tokens()).logits
    assert float((ours - theirs).detach().abs().max()) < 1e-9
    expected = gradients(twin, theirs, targets)
    for name, gradient in as_gradients_there(model, gradients(model, ours, targets)).items():
        assert float((gradient - expected[name]).abs().max()) < 1e-9, name


@pytest.mark.parametrize("shape", SHAPES)
def test_fifty_steps_of_training_stay_together(shape: str) -> None:
    model = decoder(*SHAPES[shape])
    twin = twin_of(found_in(model))
    trained = [torch.optim.AdamW(each.parameters(), lr=1e-3) for each in (model, twin)]
    losses: list[tuple[float, float]] = []
    for step in range(50):
        batch, targets = tokens(4, CONTEXT, seed=step), tokens(4, CONTEXT, seed=step + 1000)
        both = [
            F.cross_entropy(logits.flatten(0, 1), targets.flatten())
            for logits in (model(batch), twin(input_ids=batch).logits)
        ]
        for loss, optimizer in zip(both, trained, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append((both[0].item(), both[1].item()))
    assert losses[-1][0] < losses[0][0]
    assert max(abs(ours - theirs) for ours, theirs in losses) < 1e-8


@pytest.mark.parametrize(
    "overrides",
    [
        ["attention=sliding_window"],
        ["attention.qk_norm=true"],
        ["model.positions=alibi"],
        ["model.block=post_norm"],
        ["model.feed_forward=squared_relu"],
        ["model.embedded_tokens=2"],
        ["model.bias=true", "model.tie_embeddings=false"],
        [*GPT2, "attention=grouped_query"],
    ],
)
def test_what_the_library_has_no_such_model_of_has_no_equivalent(overrides: list[str]) -> None:
    assert equivalent_of(decoder(*overrides)) is None
