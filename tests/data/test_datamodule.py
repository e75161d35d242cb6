"""Batches as Lightning's own trainer receives them."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from tuneformer.data.batch_module import BatchModule
from tuneformer.data.text.token_batches import TokenBatch, TokenWindows, gather, window_starts
from tuneformer.data.text.token_files import TokenFile
from tuneformer.data.text.token_splits import TokenSplits
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer
from tuneformer.errors import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

CONTEXT, BATCH, SEED = 5, 4, 11


@pytest.fixture
def splits(tmp_path: Path) -> TokenSplits:
    files = {}
    for name, n_tokens in {"train": 250, "validation": 38, "test": 23}.items():
        path = tmp_path / f"{name}.bin"
        np.arange(n_tokens, dtype=np.uint8).tofile(path)
        files[name] = TokenFile(path, "uint8", n_tokens, n_tokens, 1)
    return TokenSplits(ByteTokenizer(), files, "fingerprint", [])


def module(splits: TokenSplits, *, num_workers: int = 0) -> BatchModule:
    windows = TokenWindows(splits.splits, context_length=CONTEXT, batch_size=BATCH, seed=SEED)
    return BatchModule(windows, eval_batch_size=3, num_workers=num_workers)


class Recorder(pl.LightningModule):
    """Trains a bias and keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))
        self.trained: list[list[list[int]]] = []
        self.scored: list[int] = []

    def training_step(self, batch: TokenBatch, batch_idx: int) -> Tensor:
        self.trained.append(windows_of(batch))
        return (self.bias - batch.targets.float().mean()) ** 2

    def validation_step(self, batch: TokenBatch, batch_idx: int) -> None:
        self.scored += batch.targets[batch.targets != -100].tolist()

    test_step = validation_step

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def windows_of(batch: TokenBatch) -> list[list[int]]:
    assert isinstance(batch, TokenBatch)
    return torch.cat([batch.inputs[:, :1], batch.targets], dim=1).tolist()


def trainer(folder: Path, *, max_steps: int, accumulate: int = 1, **settings: Any) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=max_steps,
        accumulate_grad_batches=accumulate,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        val_check_interval=2 * accumulate,
        check_val_every_n_epoch=None,
        **settings,
    )


def global_batches(n_steps: int) -> list[list[list[int]]]:
    tokens = np.arange(250)
    return [
        gather(
            tokens,
            window_starts(seed=SEED, step=step, n_tokens=250, context_length=CONTEXT, batch_size=BATCH),
            CONTEXT,
        ).tolist()
        for step in range(n_steps)
    ]


def test_lightning_trains_on_the_global_batches_in_order(splits: TokenSplits, tmp_path: Path) -> None:
    model = Recorder()
    trainer(tmp_path, max_steps=6).fit(model, datamodule=module(splits))
    assert model.trained == global_batches(6)


@pytest.mark.parametrize(("accumulate", "num_workers"), [(1, 0), (2, 0), (2, 2)])
def test_a_resumed_trainer_goes_on_with_the_next_batch(
    splits: TokenSplits, tmp_path: Path, accumulate: int, num_workers: int
) -> None:
    before, after = Recorder(), Recorder()
    first = trainer(tmp_path, max_steps=3, accumulate=accumulate)
    first.fit(before, datamodule=module(splits, num_workers=num_workers))
    first.save_checkpoint(tmp_path / "last.ckpt")
    second = trainer(tmp_path, max_steps=7, accumulate=accumulate)
    second.fit(
        after,
        datamodule=module(splits, num_workers=num_workers),
        ckpt_path=tmp_path / "last.ckpt",
        weights_only=True,
    )
    seen = before.trained + after.trained
    assert len(seen) == 7 * accumulate
    rows = [row for micro_batch in seen for row in micro_batch]
    assert rows == [row for batch in global_batches(7) for row in batch]


def test_validation_and_test_score_their_splits_once(splits: TokenSplits, tmp_path: Path) -> None:
    model, data = Recorder(), module(splits)
    runner = trainer(tmp_path, max_steps=1)
    runner.validate(model, datamodule=data, verbose=False)
    assert model.scored == list(range(1, 38))
    model.scored = []
    runner.test(model, datamodule=data, verbose=False)
    assert model.scored == list(range(1, 23))


class _TwoDevices:
    """What the module asks a trainer of two processes."""

    accumulate_grad_batches = 1
    world_size = 2
    global_step = 3

    def __init__(self, rank: int) -> None:
        self.global_rank = rank


def test_each_of_two_devices_takes_its_half_of_a_batch_and_of_a_split(splits: TokenSplits) -> None:
    trained: list[list[int]] = []
    scored: list[int] = []
    for rank in range(2):
        data = module(splits)
        data.trainer = _TwoDevices(rank)  # pyright: ignore[reportAttributeAccessIssue]
        trained += [row for batch in islice(data.train_dataloader(), 1) for row in windows_of(batch)]
        scored += [
            t for batch in data.val_dataloader() for t in batch.targets.flatten().tolist() if t != -100
        ]
    assert trained == global_batches(4)[3]
    assert sorted(scored) == list(range(1, 38))


def test_a_batch_that_devices_cannot_share_is_refused(splits: TokenSplits, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.batch_size=4 must be a multiple of 3: 1 devices x .*=3"):
        trainer(tmp_path, max_steps=1, accumulate=3).fit(Recorder(), datamodule=module(splits))
