"""Run directories of models that were never trained, with snapshots and checkpoints as a run leaves them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from tuneformer.config.options import load_option
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.measures.head_scores import scores_of
from tuneformer.measures.probe import probe
from tuneformer.measures.snapshot import snapshot_of
from tuneformer.measures.stream_scores import stream_scores
from tuneformer.models.build import build_model
from tuneformer.runs.probe_files import write_snapshot

CONF = Path(__file__).parents[3] / "conf"
SMALL: dict[str, Any] = {"n_layers": 2, "n_heads": 2, "d_model": 16, "context_length": 12, "vocab_size": 11}
SIZES: dict[str, dict[str, Any]] = {
    "decoder": SMALL,
    "encoder": {**SMALL, "n_classes": 3},
    "encoder_decoder": SMALL,
    "vit": {"n_layers": 2, "n_heads": 2, "d_model": 16, "image_size": 8, "n_channels": 1, "n_classes": 3}
    | {"patch_size": 4},
    "vector_decoder": {"n_layers": 2, "n_heads": 2, "d_model": 16, "context_length": 12, "n_inputs": 4}
    | {"n_outputs": 1},
    "lstm": {"n_layers": 1, "d_model": 16, "context_length": 12, "vocab_size": 11, "n_classes": 3},
    "lstm_attention": {
        "n_layers": 1,
        "d_model": 16,
        "context_length": 12,
        "vocab_size": 11,
        "n_classes": None,
    },
}
DATA = {
    "decoder": "copy",
    "encoder": "language_id",
    "encoder_decoder": "pairs",
    "lstm": "language_id",
    "lstm_attention": "pairs",
    "vector_decoder": "regression",
    "vit": "idx",
}
GENERATOR = torch.Generator().manual_seed(0)
TOKENS = torch.randint(10, (2, 9), generator=GENERATOR)
VISIBLE = torch.arange(9) < torch.tensor([6, 9])[:, None]
TARGET = torch.cat(
    (torch.full((2, 1), 10), torch.randint(10, (2, 4), generator=GENERATOR), torch.full((2, 3), 10)), dim=1
)
INPUTS: dict[str, tuple[Tensor, ...]] = {
    "decoder": (TOKENS,),
    "encoder": (TOKENS, VISIBLE),
    "encoder_decoder": (TOKENS, VISIBLE, TARGET),
    "lstm_attention": (TOKENS, VISIBLE, TARGET),
    "vector_decoder": (torch.randn(2, 9, 4, generator=GENERATOR),),
    "vit": (torch.randn(2, 1, 8, 8, generator=GENERATOR),),
}


def plant(
    folder: Path,
    family: str,
    *,
    steps: Sequence[int] = (0, 10),
    kept: Sequence[int] = (),
    last: int | None = 20,
    seed: int = 0,
    tokenizer: Tokenizer | None = None,
    **changes: Any,
) -> Path:
    """A run of `family`; its data cannot be had any more.

    Args:
        folder: to put it.
        family: an option of conf/model.
        steps: that snapshots are of.
        kept: steps that checkpoints are of, beside the last.
        last: step of last.ckpt; None: there is none.
        seed: of the weights; those of an earlier step are others.
        tokenizer: that the run keeps, where its data are text.
        changes: settings of the model.
    """
    settings = plain(load_option("model", family, [CONF]))
    model = {key: value for key, value in settings.items() if not isinstance(value, str) or "${" not in value}
    model |= {"size": None} if "size" in settings else {}
    model |= {key: value for key, value in SIZES[family].items() if key in settings} | changes
    attention = plain(load_option("attention", "multi_head", [CONF]))
    data = plain(load_option("data", DATA[family], [CONF]))
    gone = {"context_length": 12, "path": "gone.txt", "cache_dir": str(folder / "config.yaml")}
    data |= {key: value for key, value in gone.items() if key in data}
    folder.mkdir(parents=True)
    config = {"data": data, "model": model, "attention": attention, "seed": 0}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    record = {**RECORD, "data": {"fingerprint": "0", "kept": ["tokenizer.json"] if tokenizer else []}}
    (folder / "record.json").write_text(json.dumps(record))
    if tokenizer:
        (folder / "tokenizer.json").write_text(tokenizer.to_json())
    for step in steps:
        leave_snapshot(folder, step, made(model, attention, seed + step), INPUTS[family])
    for step in [*kept, *([] if last is None else [last])]:
        name = "last" if step == last else f"step_{step}"
        state = made(model, attention, seed + step).state_dict()
        (folder / "checkpoints").mkdir(exist_ok=True)
        weights = {f"model.{key}": value for key, value in state.items()}
        torch.save({"state_dict": weights, "global_step": step}, folder / "checkpoints" / f"{name}.ckpt")
    return folder


RECORD = {
    "status": "finished",
    "config_hash": "0",
    "metrics": {"final": {}, "best": {}},
    "restarts": 0,
    "started": "",
    "steps": 1,
    "wall_seconds": 1.0,
}


def plain(option: Mapping[str, Any]) -> dict[str, Any]:
    """An option without what composes it."""
    return {key: value for key, value in option.items() if key != "defaults"}


def made(model: dict[str, Any], attention: dict[str, Any], seed: int) -> nn.Module:
    """The model of these settings, with large weights."""
    torch.default_generator.manual_seed(seed)
    built = build_model(model, attention, needs={}).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.mul_(2)
    return built


def leave_snapshot(folder: Path, step: int, model: nn.Module, inputs: tuple[Tensor, ...]) -> Path:
    """What the probe of a run leaves."""
    seen = probe(model, inputs)
    snapshot = snapshot_of(step, model, inputs, seen, scores_of(seen, inputs), stream_scores(seen))
    return write_snapshot(folder, snapshot)


def entropies(weights: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Mean over queries of sum -p log p / log n, of maps (head, query, key), in float64."""
    p = weights.astype(np.float64)
    n_seen = np.broadcast_to(allowed, p.shape).sum(axis=-1)
    nats = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)
    return np.array([(row[n > 1] / np.log(n[n > 1])).mean() for row, n in zip(nats, n_seen, strict=True)])
