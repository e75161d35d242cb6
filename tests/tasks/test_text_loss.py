import math
from pathlib import Path

import pytest
import torch
from torchmetrics.text import Perplexity

from tuneformer.data.text.corpus_text import CorpusText, hash_text
from tuneformer.data.text.token_splits import load_token_splits, write_token_splits
from tuneformer.data.tokenizers.plain_tokenizers import CharacterTokenizer
from tuneformer.tasks.language_modelling import LanguageModelling
from tuneformer.tasks.text_loss import TextLoss

pytestmark = pytest.mark.fast


def random_batch(
    batch: int, *, time: int = 7, vocab: int = 11, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, time, vocab, generator=generator)
    return logits, torch.randint(vocab, (batch, time), generator=generator)


def figures(*batches: tuple[torch.Tensor, torch.Tensor], byte_lengths: torch.Tensor) -> dict[str, float]:
    metric = TextLoss(byte_lengths, unknown=None)
    for logits, targets in batches:
        metric.update(logits, targets)
    return {name: value.item() for name, value in metric.compute().items()}


def test_uniform_logits_over_bytes_cost_eight_bits_a_byte() -> None:
    targets = torch.randint(256, (3, 5), generator=torch.Generator().manual_seed(0))
    got = figures((torch.zeros(3, 5, 256), targets), byte_lengths=torch.ones(256, dtype=torch.int64))
    assert got == pytest.approx({"loss": math.log(256), "perplexity": 256.0, "bits_per_byte": 8.0})


def test_perplexity_is_that_of_torchmetrics() -> None:
    logits, targets = random_batch(4)
    targets[1, 3:] = -100
    theirs = Perplexity(ignore_index=-100)
    theirs.update(logits, targets)
    got = figures((logits, targets), byte_lengths=torch.ones(11, dtype=torch.int64))
    assert got["perplexity"] == pytest.approx(theirs.compute().item(), rel=1e-5)


def test_nats_of_known_probabilities_are_summed_over_their_bytes() -> None:
    probabilities = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]])
    targets = torch.tensor([[0, 1]])
    # 0 stands for one byte, 1 for three; 20 is the product of 1 / 0.5 and 1 / 0.1
    got = figures((probabilities.log(), targets), byte_lengths=torch.tensor([1, 3, 100]))
    assert got["loss"] == pytest.approx(math.log(20) / 2)
    assert got["perplexity"] == pytest.approx(math.sqrt(20))
    assert got["bits_per_byte"] == pytest.approx(math.log2(20) / 4)


def test_uneven_batches_add_up_to_all_at_once() -> None:
    logits, targets = random_batch(9)
    lengths = torch.arange(11)
    at_once = figures((logits, targets), byte_lengths=lengths)
    parts = [(logits[i:j], targets[i:j]) for i, j in [(0, 1), (1, 6), (6, 9)]]
    assert figures(*parts, byte_lengths=lengths) == pytest.approx(at_once, rel=1e-12)


def test_ignored_positions_count_for_nothing() -> None:
    logits, targets = random_batch(4)
    lengths = torch.arange(11)
    expected = figures((logits[:, :5], targets[:, :5]), byte_lengths=lengths)
    logits[:, 5:] = 1e4
    targets[:, 5:] = -100
    assert figures((logits, targets), byte_lengths=lengths) == pytest.approx(expected, rel=1e-12)


def test_logits_of_few_bits_are_summed_in_full_precision() -> None:
    logits, targets = random_batch(4)
    lengths = torch.ones(11, dtype=torch.int64)
    rounded = logits.bfloat16()
    assert figures((rounded, targets), byte_lengths=lengths) == figures(
        (rounded.float(), targets), byte_lengths=lengths
    )


def test_a_small_batch_after_much_text_still_counts() -> None:
    metric = TextLoss(torch.tensor([1, 1]), unknown=None)
    metric.nats += 1e9
    metric.update(torch.zeros(1, 1, 2), torch.tensor([[0]]))
    assert metric.nats.item() - 1e9 == pytest.approx(math.log(2), rel=1e-6)


def test_states_add_up_over_processes_and_start_anew_after_a_reset() -> None:
    metric = TextLoss(torch.arange(11), unknown=None)
    metric.update(*random_batch(2))
    assert set(metric._reductions) == {"nats", "tokens", "bytes", "n_unknown"}
    gathered = torch.stack([metric.nats, metric.nats])
    for reduce in metric._reductions.values():
        assert callable(reduce)
        assert reduce(gathered) == 2 * metric.nats
    metric.reset()
    assert [metric.nats.item(), metric.tokens.item(), metric.bytes.item()] == [0, 0, 0]


@pytest.mark.parametrize("first", ["a", "\N{GRINNING FACE}"])
def test_bits_per_byte_is_over_the_bytes_of_the_text_itself(first: str, tmp_path: Path) -> None:
    text = first + "bc\N{GREEK SMALL LETTER ALPHA}c\N{GRINNING FACE}ba"  # two or three unseen, 2 and 4 bytes
    splits = CorpusText(train=["abc" * 9], validation=[text[:3], text[3:]], test=["abcab"])
    tokenizer = CharacterTokenizer.train(splits.train)
    hashes = {name: hash_text(pieces) for name, pieces in splits.splits.items()}
    write_token_splits(tmp_path, tokenizer, splits, hashes)
    prepared = load_token_splits(tmp_path)
    assert prepared is not None
    metric = LanguageModelling.metric(prepared, split="validation")
    targets = torch.from_numpy(tokenizer.encode(text)[None, 1:].copy())
    for some in (targets[:, :3], targets[:, 3:]):
        metric.update(torch.zeros(1, some.shape[1], tokenizer.vocab_size), some)
    n_bytes = len(text[1:].encode())
    nats = targets.numel() * math.log(tokenizer.vocab_size)
    assert metric.compute()["bits_per_byte"].item() == pytest.approx(nats / (n_bytes * math.log(2)))
    assert LanguageModelling.metric(prepared, split="test").unknown is None
