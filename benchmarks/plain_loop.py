"""The yardstick: the same model trained by a loop that does nothing but train."""

import math
import time

import torch
import torch.nn.functional as F

from tuneformer.config.plain import Config
from tuneformer.data.text.token_batches import gather, window_starts
from tuneformer.data.text.token_splits import TokenSplits
from tuneformer.process.random_state import set_random_state
from tuneformer.training.assembly import FOR_WEIGHTS, build_model
from tuneformer.training.start import prepare_data


def seconds_per_step(config: Config, *, skip: int) -> float:
    """Seconds of an optimizer step, the mean over all steps but the first `skip`.

    The same batches, AdamW with the same two kinds of groups, the same clipping, warmup and cosine; the
    loss is read at the same cadence. No validation, no checkpoint, no dashboard.
    """
    data, prepared = prepare_data(config)
    assert isinstance(prepared, TokenSplits)
    tokens = prepared.splits["train"].open()
    set_random_state(config["seed"], FOR_WEIGHTS)
    model = build_model(config["model"], config["attention"], needs=prepared.needs)
    settings, n_steps = config["optimizer"], config["trainer"]["max_steps"]
    decayed = [p for name, p in model.named_parameters() if p.ndim > 1 and "embedding" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim < 2 or "embedding" in name]
    optimizer = torch.optim.AdamW(
        [{"params": decayed}, {"params": others, "weight_decay": 0.0}],
        lr=settings["lr"],
        betas=tuple(settings["betas"]),
        weight_decay=settings["weight_decay"],
        fused=True,
    )
    model.train()
    started = 0.0
    for step in range(n_steps):
        if step == skip:
            started = time.perf_counter()
        starts = window_starts(
            seed=config["seed"],
            step=step,
            n_tokens=len(tokens),
            context_length=config["data"]["context_length"],
            batch_size=data.batch_size,
        )
        windows = torch.from_numpy(gather(tokens, starts, config["data"]["context_length"]))
        for group in optimizer.param_groups:
            group["lr"] = settings["lr"] * _factor(step, n_steps)
        logits = model(windows[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config["trainer"]["gradient_clip_val"])
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % config["trainer"]["log_every_n_steps"] == 0:
            loss.item()
    return (time.perf_counter() - started) / (n_steps - skip)


def _factor(step: int, horizon: int) -> float:
    warmup = max(1, horizon // 20)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / (horizon - 1 - warmup)))
