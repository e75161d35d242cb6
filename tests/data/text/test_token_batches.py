from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from tuneformer.data.dealing import EvaluationBatches, TrainingBatches
from tuneformer.data.text.token_batches import (
    TokenBatch,
    TokenWindows,
    gather,
    starts_in_passes,
    window_starts,
)
from tuneformer.data.text.token_files import TokenFile


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> TokenFile:
    return write(tmp_path_factory.mktemp("tokens"), n_tokens=500)


def write(folder: Path, *, n_tokens: int) -> TokenFile:
    path = folder / f"{n_tokens}.bin"
    np.arange(n_tokens, dtype="uint16").tofile(path)
    return TokenFile(path, "uint16", n_tokens, n_tokens, 1)


def training(tokens: TokenFile, **changes: int) -> TrainingBatches[TokenBatch]:
    windows = TokenWindows({"train": tokens}, seed=5, context_length=7, batch_size=24)
    return TrainingBatches(windows, **{"accumulate": 1, "rank": 0, "world_size": 1, "start": 0, **changes})


def evaluation(
    tokens: TokenFile, *, context_length: int, batch_size: int, rank: int = 0, world_size: int = 1
) -> EvaluationBatches[TokenBatch]:
    windows = TokenWindows({"test": tokens}, seed=5, context_length=context_length, batch_size=1)
    return EvaluationBatches(windows, "test", batch_size=batch_size, rank=rank, world_size=world_size)


def global_batch(tokens: TokenFile, step: int) -> list[list[int]]:
    starts = window_starts(seed=5, step=step, n_tokens=500, context_length=7, batch_size=24)
    return gather(tokens.open(), starts, 7).tolist()


def windows_of(batch: TokenBatch) -> list[list[int]]:
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    return torch.cat([batch.inputs[:, :1], batch.targets], dim=1).tolist()


@pytest.mark.fast
@given(
    world_size=st.sampled_from([1, 2, 3, 4]), accumulate=st.sampled_from([1, 2, 3]), step=st.integers(0, 4)
)
def test_devices_and_micro_batches_together_hold_exactly_the_global_batch(
    token_file: TokenFile, world_size: int, accumulate: int, step: int
) -> None:
    if 24 % (world_size * accumulate):
        return
    streams = [
        iter(
            training(
                token_file, accumulate=accumulate, rank=rank, world_size=world_size, start=step * accumulate
            )
        )
        for rank in range(world_size)
    ]
    rows = [row for _ in range(accumulate) for stream in streams for row in windows_of(next(stream))]
    assert rows == global_batch(token_file, step)


@pytest.mark.fast
def test_a_start_in_the_middle_gives_the_batches_from_there_on(token_file: TokenFile) -> None:
    from_zero = [windows_of(batch) for batch in islice(training(token_file, accumulate=3), 9)]
    from_four = [windows_of(batch) for batch in islice(training(token_file, accumulate=3, start=4), 5)]
    assert from_zero[4:] == from_four


@pytest.mark.fast
def test_training_batches_are_contiguous_whole_numbers(token_file: TokenFile) -> None:
    batch = next(iter(training(token_file)))
    for part in batch:
        assert part.shape == (24, 7)
        assert part.dtype == torch.int64
        assert part.is_contiguous()


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_data_workers_give_the_same_batches_in_the_same_order(token_file: TokenFile) -> None:
    alone = [windows_of(batch) for batch in islice(training(token_file, accumulate=2, start=3), 7)]
    loader = DataLoader(training(token_file, accumulate=2, start=3), batch_size=None, num_workers=3)
    assert [windows_of(batch) for batch in islice(loader, 7)] == alone
    mine = evaluation(token_file, context_length=7, batch_size=10)
    loader = DataLoader(mine, batch_size=None, num_workers=3)
    for theirs, ours in zip(loader, mine, strict=True):
        assert torch.equal(theirs.inputs, ours.inputs)
        assert torch.equal(theirs.targets, ours.targets)


@given(
    n_tokens=st.integers(2, 120),
    context_length=st.integers(1, 20),
    batch_size=st.integers(1, 8),
    world_size=st.integers(1, 4),
)
def test_all_devices_together_score_every_token_but_the_first_once(
    tmp_path_factory: pytest.TempPathFactory,
    n_tokens: int,
    context_length: int,
    batch_size: int,
    world_size: int,
) -> None:
    tokens = write(tmp_path_factory.getbasetemp(), n_tokens=n_tokens)
    shapes, scored = [], []
    for rank in range(world_size):
        share = evaluation(
            tokens, context_length=context_length, batch_size=batch_size, rank=rank, world_size=world_size
        )
        batches = list(share)
        assert len(batches) == share.n_batches
        shapes.append([tuple(batch.inputs.shape) for batch in batches])
        for inputs, targets in batches:
            mask = targets != -100
            assert torch.equal(inputs[mask] + 1, targets[mask])
            scored += targets[mask].tolist()
    assert sorted(scored) == list(range(1, n_tokens))
    assert all(shape == shapes[0] for shape in shapes)
    assert all(rows <= batch_size and time == context_length for rows, time in shapes[0])


@pytest.mark.fast
def test_evaluation_may_be_repeated(token_file: TokenFile) -> None:
    share = evaluation(token_file, context_length=8, batch_size=3)
    first, second = ([batch.targets.tolist() for batch in share] for _ in range(2))
    assert first == second


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells what is mapped")
def test_reading_a_corpus_does_not_keep_it_in_memory(tmp_path: Path) -> None:
    n_tokens = 64 << 20
    path = tmp_path / "train.bin"
    path.write_bytes(bytes(n_tokens))
    file = TokenFile(path, "uint8", n_tokens, n_tokens, 1)
    batches = iter(training(file))
    for _ in range(200):
        next(batches)
    assert _resident_mib(path) < 8


def _resident_mib(path: Path) -> float:
    lines = Path("/proc/self/smaps").read_text().splitlines()
    starts = [i for i, line in enumerate(lines) if line.endswith(str(path))]
    assert starts, "the token file is memory-mapped"
    sizes = [next(line for line in lines[i:] if line.startswith("Rss:")).split()[1] for i in starts]
    return sum(int(size) for size in sizes) / 1024


@pytest.mark.fast
@given(
    n_tokens=st.integers(9, 400),
    context_length=st.integers(1, 8),
    batch_size=st.integers(1, 30),
    seed=st.integers(0, 2**63),
)
def test_a_pass_has_each_window_once_and_all_but_the_ends_of_the_corpus(
    n_tokens: int, context_length: int, batch_size: int, seed: int
) -> None:
    n_windows = max(1, (n_tokens - 1) // context_length - 1)
    steps = range(-(-2 * n_windows // batch_size))
    starts = np.concatenate(
        [
            starts_in_passes(
                seed=seed, step=step, n_tokens=n_tokens, context_length=context_length, batch_size=batch_size
            )
            for step in steps
        ]
    )
    assert starts.min() >= 0
    assert starts.max() + context_length + 1 <= n_tokens
    for number in range(2):
        one_pass = np.sort(starts[number * n_windows : (number + 1) * n_windows])
        assert (np.diff(one_pass) == context_length).all()
        assert len(one_pass) * context_length >= n_tokens - 1 - 2 * context_length


def test_passes_are_dealt_as_random_windows_are(token_file: TokenFile) -> None:
    windows = TokenWindows({"train": token_file}, seed=5, context_length=7, batch_size=24, passes=True)
    whole = next(iter(TrainingBatches(windows, accumulate=1, rank=0, world_size=1, start=4)))
    parts = [
        next(iter(TrainingBatches(windows, accumulate=1, rank=rank, world_size=2, start=4)))
        for rank in (0, 1)
    ]
    assert windows_of(whole) == [*windows_of(parts[0]), *windows_of(parts[1])]
    expected = starts_in_passes(seed=5, step=4, n_tokens=500, context_length=7, batch_size=24)
    assert [window[0] for window in windows_of(whole)] == expected.tolist()
