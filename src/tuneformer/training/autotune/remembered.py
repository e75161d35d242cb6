"""What was measured on this machine before: one small file for each kind of model and training."""

import hashlib
import json
from collections.abc import Sequence

import torch

from tuneformer.config.plain import Config
from tuneformer.config.registry import targets
from tuneformer.data.prepared_cache import cache_folder
from tuneformer.runs.files import write_json
from tuneformer.runs.identity import determining
from tuneformer.runs.provenance import host_hardware
from tuneformer.training.autotune.measured import Measured, as_record, from_record

NOT_THE_SPEED = ("max_steps", "val_check_interval", "log_every_n_steps")


class RememberedTimings:
    """The measurements that belong to a configuration on this machine."""

    def __init__(self, config: Config, *, cores: int, device: str) -> None:
        trainer = {name: value for name, value in config["trainer"].items() if name not in NOT_THE_SPEED}
        speed = {
            "machine": host_hardware()["processor"],
            "cores": cores,
            "device": device,
            "torch": torch.__version__,
            "trainer": trainer,
            "optimizer": targets(config["optimizer"]),
            "others": determining({group: config[group] for group in ("data", "model", "attention")}),
        }
        digest = hashlib.sha256(json.dumps(speed, sort_keys=True, default=str).encode()).hexdigest()[:16]
        self.file = cache_folder() / "fastest" / f"{digest}.json"

    def read(self) -> list[Measured]:
        """What is there; nothing where the file is missing or cannot be used."""
        try:
            return [from_record(values) for values in json.loads(self.file.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def write(self, measured: Sequence[Measured]) -> None:
        """Keeps it; where the cache cannot be written to, the next run measures again."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.file, [as_record(each) for each in measured])
        except OSError:
            return
