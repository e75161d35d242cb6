"""The losses of a finished run's weights on a split, as training itself measured them."""

import torch

from tuneformer.config.whitelist import whitelisted
from tuneformer.data.batches import EvaluationBatches
from tuneformer.data.text_data import TextData
from tuneformer.data.token_files import TokenSplits
from tuneformer.errors import UserError
from tuneformer.loading import Run
from tuneformer.tasks.text_loss import TextLoss

SPLITS = ("train", "validation", "test")


def evaluate(run: Run, *, split: str, device: torch.device) -> dict[str, float]:
    """Loss (nats per token), perplexity and bits per byte of every token of a split but the first.

    Raises:
        UserError: no such split, or the data is not what the run was trained on.
    """
    if split not in SPLITS:
        raise UserError(f"--split={split} must be one of {', '.join(SPLITS)}")
    data, splits = prepare_again(run)
    batches = EvaluationBatches(
        splits.splits[split],
        context_length=data.context_length,
        batch_size=data.eval_batch_size,
        rank=0,
        world_size=1,
    )
    model = run.model.to(device).eval()
    metric = TextLoss().to(device)
    byte_lengths = torch.from_numpy(run.tokenizer.byte_lengths.copy()).long().to(device)
    with torch.inference_mode():
        for batch in batches:
            metric.update(model(batch.inputs.to(device)), batch.targets.to(device), byte_lengths)
    return {name: float(value) for name, value in metric.compute().items()}


def available_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        UserError: this machine has none.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--device={name} is not there (cpu always is): {reason}") from error
    return device


def prepare_again(run: Run) -> tuple[TextData, TokenSplits]:
    """The data that a run was trained on.

    Raises:
        UserError: it cannot be had any more, or is another text now.
    """
    from hydra.utils import instantiate

    with whitelisted():
        data: TextData = instantiate(run.config["data"], _convert_="all")
    splits = data.prepare()
    if splits.fingerprint != run.record["data"]["fingerprint"]:
        raise UserError(f"{run.path} was trained on another text than its data settings give now")
    return data, splits
