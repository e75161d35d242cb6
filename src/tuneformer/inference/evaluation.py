"""The metrics of a finished run's weights on a split, as training itself measured them."""

from pathlib import Path
from typing import Any

import torch

from tuneformer.config.building import build
from tuneformer.config.places import check_places
from tuneformer.data.contract import SPLITS, Data, PreparedData
from tuneformer.data.prepared_cache import cache_folder, is_cache
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run
from tuneformer.models.finite_weights import check_finite_weights
from tuneformer.tasks.lookup import task_class


def evaluate(run: Run, *, split: str, device: torch.device) -> dict[str, float]:
    """The metrics of the run's task on a whole split: of text loss, perplexity and bits per byte.

    Raises:
        UserError: no such split, weights that are not finite, or other data than the run was trained on.
    """
    if split not in SPLITS:
        raise UserError(f"--split={split} must be one of {', '.join(SPLITS)}")
    check_finite_weights(run.model, of=str(run.path))
    data, prepared = prepare_again(run)
    batches = data.batches(prepared, seed=run.config["seed"])
    model = run.model.to(device).eval()
    metric = task_class(run.task_facts).metric(prepared, split=split).to(device)
    with torch.inference_mode():
        for batch in batches.evaluation_batches(split, rank=0, world_size=1):
            metric.score(model, type(batch)(*(tensor.to(device) for tensor in batch)))
    return {name: float(value) for name, value in metric.compute().items()}


def available_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        UserError: this machine has none.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--device={name} is not there (cpu always is): {reason}") from error
    return device


def prepare_again(run: Run) -> tuple[Data[Any], PreparedData]:
    """The data that a run was trained on.

    What has to be made of them goes into the run's `data.cache_dir` where that is a cache already, and into
    the reader's own elsewhere, so that a run directory names no other folder to write into.

    Raises:
        UserError: it cannot be had any more, is other data now, or would be kept in no place.
    """
    try:
        check_places({"data": run.config["data"]})
    except UserError as error:
        raise UserError(f"{run.path / 'config.yaml'}: {error}") from error
    settings = dict(run.config["data"])
    if "cache_dir" in settings and not is_cache(Path(str(settings["cache_dir"])).expanduser()):
        settings["cache_dir"] = str(cache_folder())
    data: Data[Any] = build(settings, ("data",), kind=Data)
    prepared = data.prepare()
    if prepared.fingerprint != run.record.data.get("fingerprint"):
        raise UserError(f"{run.path} was trained on other data than its settings give now")
    return data, prepared
