import numpy as np
import pytest
import torch

from tests.data.pair_settings import pair_settings, write_pair_file
from tuneformer.data.corpora.pairs import Pairs
from tuneformer.data.pairs.pair_batches import PairBatch
from tuneformer.data.pairs.pair_files import PairSplits
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    folder = tmp_path_factory.mktemp("pairs")
    return Pairs(path=str(write_pair_file(folder / "pairs.tsv")), **pair_settings(folder / "cache"))


@pytest.fixture(scope="module")
def pairs(data: Pairs) -> PairSplits:
    return data.prepare()


def texts(pairs: PairSplits, batch: PairBatch) -> list[tuple[str, str]]:
    """What the rows say; rows of which nothing is scored are left out."""
    found = []
    for source, visible, targets in zip(batch.source, batch.visible, batch.targets, strict=True):
        scored = targets[targets != -100]
        if len(scored):
            assert source[visible][-1] == scored[-1] == pairs.boundary
            decode = pairs.tokenizer.decode
            found.append((decode(source[visible][:-1].tolist()), decode(scored[:-1].tolist())))
    return found


def test_rows_are_a_sentence_its_translation_and_what_follows_each_token(
    data: Pairs, pairs: PairSplits
) -> None:
    batch = next(
        iter(data.batches(pairs, seed=0).training_batches(accumulate=1, rank=0, world_size=1, start=0))
    )
    lines = data.file.read_text(encoding="utf-8").splitlines()
    said = texts(pairs, batch)
    assert len(said) == 8
    assert all(f"{source}\t{target}" in lines for source, target in said)
    assert (batch.inputs[:, 0] == pairs.boundary).all()
    scored = batch.targets != -100
    assert torch.equal(batch.inputs[:, 1:][scored[:, 1:]], batch.targets[:, :-1][scored[:, 1:]])
    assert batch.scored == scored.sum()
    assert batch.source.shape[1] % 8 == batch.inputs.shape[1] % 8 == 0


@pytest.mark.parametrize(("world_size", "accumulate"), [(2, 1), (1, 2), (2, 4)])
def test_parts_are_together_the_global_batch(
    data: Pairs, pairs: PairSplits, world_size: int, accumulate: int
) -> None:
    module = data.batches(pairs, seed=1)

    def step_5(rank: int, world_size: int, accumulate: int) -> list[PairBatch]:
        batches = iter(
            module.training_batches(
                accumulate=accumulate, rank=rank, world_size=world_size, start=5 * accumulate
            )
        )
        return [next(batches) for _ in range(accumulate)]

    (whole,) = step_5(0, 1, 1)
    parts = [batch for rank in range(world_size) for batch in step_5(rank, world_size, accumulate)]
    together = [said for batch in parts for said in texts(pairs, batch)]
    assert sorted(together) == sorted(texts(pairs, whole))
    n_scored = sum(int((batch.targets != -100).sum()) for batch in parts)
    assert n_scored == whole.scored
    assert all(float(batch.scored) * world_size * accumulate == pytest.approx(n_scored) for batch in parts)


def test_a_later_start_goes_on_where_an_earlier_one_comes_to(data: Pairs, pairs: PairSplits) -> None:
    module = data.batches(pairs, seed=1)
    one, other = (
        iter(module.training_batches(accumulate=2, rank=0, world_size=1, start=start)) for start in (0, 90)
    )
    for _ in range(90):
        next(one)
    for a, b in zip(next(one), next(other), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_every_pair_of_a_split_is_evaluated_once_in_batches_of_equal_shapes(
    data: Pairs, pairs: PairSplits, world_size: int
) -> None:
    module = data.batches(pairs, seed=0)
    ranks = [[*module.evaluation_batches("test", rank=r, world_size=world_size)] for r in range(world_size)]
    shapes = [[tuple(tensor.shape for tensor in batch) for batch in batches] for batches in ranks]
    assert all(shape == shapes[0] for shape in shapes)
    assert all(batch.visible.any(dim=1).all() for batches in ranks for batch in batches)
    said = [said for batches in ranks for batch in batches for said in texts(pairs, batch)]
    split = pairs.splits["test"]
    decode = pairs.tokenizer.decode
    expected = [
        (decode(split.source[row].tolist()), decode(split.target[row].tolist())) for row in range(len(split))
    ]
    assert sorted(said) == sorted(expected)


def test_a_batch_that_cannot_be_dealt_is_refused(data: Pairs, pairs: PairSplits) -> None:
    module = data.batches(pairs, seed=0)
    with pytest.raises(UserError, match=r"data\.batch_size=8 must be a multiple of 3: 3 devices"):
        module.training_batches(accumulate=1, rank=0, world_size=3, start=0)


def test_lengths_never_exceed_the_context(data: Pairs, pairs: PairSplits) -> None:
    longest = max(
        int(np.max(side.lengths)) for split in pairs.splits.values() for side in (split.source, split.target)
    )
    assert 16 < longest < 64
    tight = Pairs(path=data.path, **pair_settings(data.cache, context_length=13, beam_size=1))
    batches = tight.batches(tight.prepare(), seed=0)
    for batch in batches.evaluation_batches("test", rank=0, world_size=1):
        assert max(batch.source.shape[1], batch.inputs.shape[1]) <= 13
