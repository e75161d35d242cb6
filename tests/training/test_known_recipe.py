"""experiment=nanogpt_cpu against a loop written out by hand in float64: model, clipping, AdamW, schedule."""

import math
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.training.conftest import TrainHere
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.data.text.token_batches import TokenBatch
from tuneformer.data.text.token_splits import TokenSplits
from tuneformer.runs.metrics_file import read_rows
from tuneformer.training.assembly import build_task
from tuneformer.training.start import prepare_data

STEPS, WARMUP, LAYERS, HEADS = 60, 10, 4, 4
PEAK, LOWEST, DECAY, CLIP = 1e-3, 1e-4, 0.1, 1.0
BETAS, EPSILON = (0.9, 0.99), 1e-8

Weights = dict[str, Tensor]


def logits(weights: Weights, tokens: Tensor) -> Tensor:
    """GPT-2 without biases, its output matrix tied to the embedding."""
    width = weights["token_embedding.weight"].shape[1]
    batch, time = tokens.shape
    future = torch.ones(time, time, dtype=torch.bool).triu(1)
    x = weights["token_embedding.weight"][tokens] + weights["position_embedding.weight"][:time]
    for layer in range(LAYERS):
        block = {
            name.split(".", 2)[2]: w for name, w in weights.items() if name.startswith(f"blocks.{layer}.")
        }
        h = F.layer_norm(x, (width,), block["attention_norm.weight"])
        q, k, v = (
            (h @ block[f"attention.{name}.weight"].T).view(batch, time, HEADS, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        scores = q @ k.transpose(2, 3) / math.sqrt(width / HEADS)
        mixed = scores.masked_fill(future, -math.inf).softmax(-1) @ v
        x = x + mixed.transpose(1, 2).reshape(batch, time, width) @ block["attention.output.weight"].T
        h = F.layer_norm(x, (width,), block["feed_forward_norm.weight"]) @ block["feed_forward.up.weight"].T
        x = x + (h * (1 + torch.erf(h / math.sqrt(2))) / 2) @ block["feed_forward.down.weight"].T
    return F.layer_norm(x, (width,), weights["norm.weight"]) @ weights["token_embedding.weight"].T


def rate(step: int) -> float:
    """nanoGPT's get_lr; its decay ends with the last step."""
    if step < WARMUP:
        return PEAK * (step + 1) / (WARMUP + 1)
    progress = (step - WARMUP) / (STEPS - 1 - WARMUP)
    return LOWEST + (1 + math.cos(math.pi * progress)) / 2 * (PEAK - LOWEST)


def train_by_hand(weights: Weights, batches: list[TokenBatch]) -> tuple[list[float], list[float]]:
    """The loss and the gradient's norm of each step; changes the weights."""
    first = {name: torch.zeros_like(w) for name, w in weights.items()}
    second = {name: torch.zeros_like(w) for name, w in weights.items()}
    losses: list[float] = []
    norms: list[float] = []
    for step, batch in enumerate(batches):
        leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
        log_p = logits(leaves, batch.inputs).log_softmax(-1)
        loss = -log_p.gather(2, batch.targets[:, :, None]).mean()
        gradients = dict(zip(leaves, torch.autograd.grad(loss, [*leaves.values()]), strict=True))
        norm = math.sqrt(sum(float(g.square().sum()) for g in gradients.values()))
        losses.append(loss.item())
        norms.append(norm)
        for name, w in weights.items():
            g = gradients[name] * min(1.0, CLIP / norm)
            first[name] = BETAS[0] * first[name] + (1 - BETAS[0]) * g
            second[name] = BETAS[1] * second[name] + (1 - BETAS[1]) * g**2
            mean = first[name] / (1 - BETAS[0] ** (step + 1))
            spread = (second[name] / (1 - BETAS[1] ** (step + 1))).sqrt()
            decay = DECAY if w.dim() >= 2 else 0.0
            weights[name] = w - rate(step) * (mean / (spread + EPSILON) + decay * w)
    return losses, norms


@pytest.mark.proof
def test_known_recipe_trains_as_a_loop_written_by_hand(
    text_file: Path, train_here: TrainHere, tmp_path: Path
) -> None:
    run = ["experiment=nanogpt_cpu", "logger=none", "callbacks=none", "run_dir=run", "trainer.threads=1"]
    run += ["data=text", f"data.path={text_file}", f"trainer.max_steps={STEPS}", f"scheduler.warmup={WARMUP}"]
    run += ["trainer.log_every_n_steps=1", "data.max_validation_bytes=300"]
    train_here(run)

    config = check_config(*compose_config(run))
    data, splits = prepare_data(config)
    assert isinstance(splits, TokenSplits)
    weights = {name: w.detach().double() for name, w in build_task(config, splits).model.named_parameters()}
    module = data.batches(splits, seed=config["seed"])
    batches = module.training_batches(accumulate=1, rank=0, world_size=1, start=0)
    losses, norms = train_by_hand(weights, [*islice(batches, STEPS)])

    rows = read_rows(tmp_path / "run" / "metrics.csv")
    assert [row["train/loss"] for row in rows] == pytest.approx(losses, abs=1e-4)
    assert [row["grad_norm"] for row in rows] == pytest.approx(norms, rel=2e-3)
    # it says something: every gradient was clipped, and much was learned
    assert min(norms) > CLIP
    assert losses[-1] < losses[0] - 1
    trained = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, w in weights.items():
        assert (trained[f"model.{name}"].double() - w).abs().max() < 2e-4, name
