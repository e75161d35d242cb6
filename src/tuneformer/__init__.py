"""tuneformer: which optimizer, schedule, warmup, weight decay and attention train my Transformer best?

The Python API is two functions: `train` runs one experiment, `load_run` gives what came of it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuneformer.inference.loading import Run

__all__ = ["load_run", "train"]


def train(overrides: Sequence[str] = (), *, config_dir: str | Path | None = None) -> "Run":
    """Trains what `tuneformer train <overrides>` trains, and loads the run.

    Args:
        overrides: as on the command line: `["optimizer=adam", "trainer.max_steps=200"]`.
        config_dir: a folder of further options behind those of the package, as --config-dir. A folder conf
            of the working directory is not looked at without it.

    Raises:
        UserError: one line that names the setting, its value and what is allowed.
    """
    from tuneformer.api import train_overrides

    return train_overrides(list(overrides), config_dir)


def load_run(path: str | Path, *, checkpoint: str = "last") -> "Run":
    """The run in a directory: its configuration, model with weights, tokenizer, metrics and record.

    Args:
        path: a run directory, such as `outputs/runs/<run>`.
        checkpoint: "last" or "best".

    Raises:
        UserError: there is no run, or its files are missing or damaged.
    """
    from tuneformer.inference.loading import load

    return load(Path(path), checkpoint=checkpoint)
