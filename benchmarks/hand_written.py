"""The smallest program that trains experiment=nanogpt_cpu: what the memory of train.py is held against.

    python benchmarks/hand_written.py <text file> <steps>

It has the framework's model and torch: no Lightning, no configuration, no record.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tuneformer.models.attention.qkv.multi_head import MultiHeadAttention
from tuneformer.models.attention.settings import PLAIN
from tuneformer.models.decoder import Decoder
from tuneformer.models.settings import DecoderSettings
from tuneformer.process.terminal import say

CONTEXT, BATCH = 64, 12


def main(text: str, steps: int) -> None:
    """Trains, then evaluates on the last tenth, and says the loss."""
    torch.manual_seed(0)
    characters = np.frombuffer(Path(text).read_text(encoding="utf-8").encode("utf-32-le"), dtype=np.uint32)
    known, tokens = np.unique(characters, return_inverse=True)
    cut = len(tokens) * 9 // 10
    train, held_out = (torch.from_numpy(part) for part in (tokens[:cut], tokens[cut:]))
    settings = DecoderSettings(
        vocab_size=len(known),
        context_length=CONTEXT,
        size=None,
        n_layers=4,
        n_heads=4,
        d_model=128,
        d_ff=None,
        dropout=0.0,
        block="pre_norm",
        norm="layer_norm",
        feed_forward="gelu",
        positions="learned",
        rope_base=10000.0,
        rope_fraction=0.25,
        rope_scale=2.0,
        t5_buckets=32,
        t5_max_distance=128,
        bias=False,
        embedded_tokens=1,
        tie_embeddings=True,
        initialization="gpt2",
        base_width=None,
    )
    model = Decoder(settings=settings, attention=partial(MultiHeadAttention, settings=PLAIN))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True
    )
    for _ in range(steps):
        windows = _windows(train, torch.randint(len(train) - CONTEXT, (BATCH,)))
        _loss(model, windows).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        rows = torch.arange(0, len(held_out) - CONTEXT - 1, CONTEXT)
        losses = [_loss(model, _windows(held_out, some)) for some in rows.split(32)]
    say(f"loss {torch.stack(losses).mean():.4f}")


def _windows(tokens: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    return tokens[starts[:, None] + torch.arange(CONTEXT + 1)]


def _loss(model: Decoder, windows: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
