"""Pictures of what each head looks at, over training."""

import math
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from tuneformer.models.attention.explicit import explicit_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.attention_probe import AttentionProbe
from tuneformer.training.callbacks.boards import boards_of

GAP = 2  # pixels between two heads
BACKGROUND = 255

Maps = dict[AttentionSite, Tensor]


class AttentionMaps(pl.Callback):
    """The attention of every head to the first example of validation, as one picture a stack.

    Rows are layers, columns heads; in a map rows are queries and columns keys, white the largest weight.
    It shows what AttentionProbe saw on the weights that are validated; without that callback, or where it
    does not look, it makes a pass of its own, which draws no random number and leaves no trace: training is
    the same to the bit with it and without. Without a dashboard that takes pictures nothing is computed.
    """

    def __init__(self, *, every_n_validations: int, largest_side: int) -> None:
        self.every_n_validations = every_n_validations
        self.largest_side = largest_side
        self._validations = 0

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx or trainer.sanity_checking:
            return
        self._validations += 1
        if (self._validations - 1) % self.every_n_validations:
            return
        boards = boards_of(trainer)
        if not boards:
            return
        maps = probed_maps(trainer)
        if not maps:
            with trainer.precision_plugin.forward_context():
                maps = first_example_maps(cast(Task, pl_module), batch)
        for stack in dict.fromkeys(site.stack for site in maps):
            layers = [maps[site] for site in sorted(maps) if site.stack == stack]
            picture = draw_maps(layers, largest_side=self.largest_side)
            for board in boards:
                board.log_picture(f"attention_maps/{stack}", picture, trainer.global_step)


def probed_maps(trainer: pl.Trainer) -> Maps:
    """What the run's AttentionProbe saw at this validation; empty where it did not look."""
    callbacks: list[pl.Callback] = getattr(trainer, "callbacks")  # noqa: B009 - Lightning declares no type for it
    probes = [callback for callback in callbacks if isinstance(callback, AttentionProbe)]
    return probes[0].first_example if probes else {}


@torch.no_grad()
def first_example_maps(task: Task, batch: Any) -> Maps:
    """Attention weights (head, query, key) of the first example of a batch, by module.

    A recurrent decoder, which calls its attention once for each token, gives its queries one after another.
    """
    parts: dict[AttentionSite, list[Tensor]] = {}

    def watch(site: AttentionSite, weights: Tensor) -> Tensor:
        parts.setdefault(site, []).append(weights[0].float().cpu())
        return weights

    # a compiled model would be compiled anew for this one pass
    with explicit_attention(task.model, watch), torch.compiler.set_stance("force_eager"):
        task.loss(batch)
    return {site: torch.cat(weights, dim=-2) for site, weights in parts.items()}


def draw_maps(layers: list[Tensor], *, largest_side: int) -> np.ndarray:
    """Grey pixels of maps (head, query, key), a row a layer; each is scaled to its own largest weight."""
    tiles = [[_tile(head, largest_side) for head in layer] for layer in layers]
    height, width = (max(tile.shape[axis] for row in tiles for tile in row) for axis in (0, 1))
    columns = max(len(row) for row in tiles)
    picture = np.full(
        (len(tiles) * (height + GAP) - GAP, columns * (width + GAP) - GAP), BACKGROUND, dtype=np.uint8
    )
    for y, row in enumerate(tiles):
        for x, tile in enumerate(row):
            top, left = y * (height + GAP), x * (width + GAP)
            picture[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return picture


def _tile(head: Tensor, largest_side: int) -> np.ndarray:
    factor = math.ceil(max(head.shape) / largest_side)
    if factor > 1:
        head = F.avg_pool2d(head[None], factor, ceil_mode=True)[0]
    return (255 * head / head.max().clamp_min(1e-12)).round().byte().numpy()
