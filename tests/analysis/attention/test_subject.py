import shutil
from pathlib import Path

import pytest
import torch

from tuneformer.analysis.attention.subject import read_subject
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run


def test_weights_that_are_not_finite_are_one_line_and_nothing_to_look_at(
    small_run: Run, tmp_path: Path
) -> None:
    shutil.copytree(small_run.path, tmp_path / "run")
    file = tmp_path / "run" / "checkpoints" / "last.ckpt"
    state = torch.load(file, weights_only=True)
    name = next(name for name in state["state_dict"] if name.endswith("attention.key.weight"))
    state["state_dict"][name][0, 0] = torch.nan
    torch.save(state, file)
    with pytest.raises(
        UserError, match=r"has weights that are not finite: 1 of the .*attention\.key\.weight"
    ):
        read_subject(tmp_path / "run", checkpoint="last")
