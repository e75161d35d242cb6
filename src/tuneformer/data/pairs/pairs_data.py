"""What every corpus of pairs shares: settings and their checks, and the way from text to token files."""

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuneformer.data.code_digest import code_digest
from tuneformer.data.contract import Data
from tuneformer.data.pairs.pair_files import Decoding, PairSplits, StoredPairs, load_pairs, write_pairs
from tuneformer.data.pairs.pair_text import PairText
from tuneformer.data.pairs.target_language import bleu_tokenizer, language_of
from tuneformer.data.prepared_cache import PreparedCache, content_hash
from tuneformer.data.settings import whole_number
from tuneformer.data.task_facts import MetricFacts, TaskFacts
from tuneformer.data.tokenizers.bpe_tokenizer import BpeTokenizer, check_bpe_vocab_size
from tuneformer.errors import UserError

if TYPE_CHECKING:
    from tuneformer.data.pairs.pair_batches import PairBatches

LANGUAGE_SENTENCES = 1000
"""Sentences that tell the language."""


TRANSLATION = TaskFacts(
    name="translation",
    done_by="tuneformer.tasks.translation.Translation",
    metrics=(
        MetricFacts(name="loss", label="loss", form="{:.4f} nats per token"),
        MetricFacts(name="perplexity"),
        MetricFacts(name="bleu", label="BLEU", form="{:.2f}", higher_is_better=True),
        MetricFacts(name="chrf", label="chrF", form="{:.2f}", higher_is_better=True),
    ),
    inputs=("tokens", "visible", "tokens"),
    text="translated",
    by_length=True,
    shards=False,
)


class PairsData(Data[PairSplits]):
    """A corpus of sentences and their translations with its settings, as in conf/data/.

    Raises:
        UserError: a setting is not allowed.
    """

    tasks = (TRANSLATION,)

    def __init__(
        self,
        *,
        task: str,
        bpe_vocab_size: int,
        vocab_size: int | None,
        context_length: int,
        batch_size: int,
        eval_batch_size: int,
        label_smoothing: float,
        beam_size: int,
        length_penalty: float,
        num_workers: int,
        cache_dir: str,
    ) -> None:
        self.task = task
        self.check_task()
        self.bpe_vocab_size = whole_number("data.bpe_vocab_size", bpe_vocab_size, at_least=1)
        check_bpe_vocab_size(bpe_vocab_size)
        self.vocab_size = vocab_size
        self.context_length = whole_number("data.context_length", context_length, at_least=2)
        self.batch_size = whole_number("data.batch_size", batch_size, at_least=1)
        self.eval_batch_size = whole_number("data.eval_batch_size", eval_batch_size, at_least=1)
        self.decoding = Decoding(
            label_smoothing=label_smoothing,
            beam_size=whole_number("data.beam_size", beam_size, at_least=1),
            length_penalty=length_penalty,
            max_tokens=context_length,
        )
        self.num_workers = whole_number("data.num_workers", num_workers, at_least=0)
        self.cache_dir = Path(cache_dir).expanduser()

    @abstractmethod
    def source(self) -> object:
        """What the pairs are read from, as JSON types: quick to tell, and other when they may be others."""

    @abstractmethod
    def read(self) -> PairText:
        """The pairs of the three splits."""

    def language(self, pairs: StoredPairs) -> str:
        """The code of the language translated into, by the script of the first training pairs."""
        target = pairs.splits["train"].target
        some = range(min(len(target), LANGUAGE_SENTENCES))
        return language_of(pairs.tokenizer.decode(target[index]) for index in some)

    @property
    def unit(self) -> str:
        return "pairs"

    @property
    def units_per_step(self) -> int:
        return self.batch_size

    def prepare(self) -> PairSplits:
        """Fetch, split and tokenise the pairs, or find what was prepared before.

        Raises:
            UserError: the pairs cannot be had, a split has none (training: less than a batch), or the
                cache cannot be written.
        """
        cache = PreparedCache(self.cache_dir, folder="pairs", load=load_pairs)
        code = code_digest(BpeTokenizer, alone=(write_pairs,))
        settings = [code, self.bpe_vocab_size, self.context_length]
        reader = code_digest(type(self), alone=(PairsData, Data))
        source = content_hash(type(self).__qualname__, self.source(), reader, settings)
        pairs = cache.find_source(source)
        if pairs is None:
            text = self.read()
            content = content_hash(text.splits, text.notes, settings)
            pairs = cache.find_content(content) or cache.build(
                content, lambda folder: self._write(folder, text)
            )
            cache.remember(source, content)
        self._check(pairs)
        language = self.language(pairs)
        bleu_tokenizer(language)  # what it needs is asked for before anything is trained
        return PairSplits(**pairs._asdict(), decoding=self.decoding, language=language)

    def batch_source(self, prepared: PairSplits, *, seed: int) -> "PairBatches":
        from tuneformer.data.pairs.pair_batches import PairBatches

        return PairBatches(prepared, batch_size=self.batch_size, seed=seed)

    def _write(self, folder: Path, text: PairText) -> None:
        both_sides = (f"{side}\n" for pair in text.train for side in pair)
        tokenizer = BpeTokenizer.train(both_sides, vocab_size=self.bpe_vocab_size)
        if tokenizer.vocab_size < self.bpe_vocab_size:
            found = f"the text gives {tokenizer.vocab_size} tokens"
            note = f"{found} of data.bpe_vocab_size={self.bpe_vocab_size}"
            text = replace(text, notes=(*text.notes, note))
        write_pairs(folder, tokenizer, text, context_length=self.context_length)

    def _check(self, pairs: StoredPairs) -> None:
        n_train = len(pairs.splits["train"])
        if n_train < self.batch_size:
            raise UserError(
                f"data.batch_size={self.batch_size} must be at most the {n_train:,} pairs to train on"
            )
        for name, split in pairs.splits.items():
            if not len(split):
                raise UserError(f"data has no {name} pairs with at most {self.context_length} tokens a side")
        found = pairs.tokenizer.vocab_size + 1
        if self.vocab_size not in (None, found):
            raise UserError(
                f"data.vocab_size={self.vocab_size} is not what the pairs give ({found}): leave it null"
            )
