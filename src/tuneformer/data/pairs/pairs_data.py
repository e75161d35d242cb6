"""What every corpus of pairs shares: settings and their checks, and the way from text to token files."""

import hashlib
from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tuneformer.config.ranges import AT_LEAST_ZERO, BELOW_ONE, POWER, Number, whole
from tuneformer.config.setting import Setting
from tuneformer.data.code_digest import code_digest
from tuneformer.data.contract import Data
from tuneformer.data.pairs.pair_files import Decoding, PairSplits, StoredPairs, load_pairs, write_pairs
from tuneformer.data.pairs.pair_text import PairText
from tuneformer.data.pairs.target_language import bleu_tokenizer, language_of
from tuneformer.data.prepared_cache import PreparedCache, content_hash
from tuneformer.data.settings import (
    COUNT,
    FILLED_IN,
    TOKENS,
    BatchSize,
    CacheDir,
    EvalBatchSize,
    TaskName,
    Workers,
    check_follows,
)
from tuneformer.data.task_facts import MetricFacts, TaskFacts
from tuneformer.data.tokenizers.bpe_tokenizer import BpeTokenizer, check_bpe_vocab_size
from tuneformer.data.tokenizers.kinds import WORDS, check_tokenizer, tokenizer_of_pairs
from tuneformer.data.tokenizers.pair_tokenizer import PairTokenizer
from tuneformer.errors import UserError

if TYPE_CHECKING:
    from tuneformer.data.pairs.pair_batches import PairBatches

LANGUAGE_SENTENCES = 1000
"""Sentences that tell the language."""


TRANSLATION = TaskFacts(
    name="translation",
    done_by="tuneformer.tasks.translation.TranslationTask",
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


@dataclass(frozen=True, kw_only=True)
class PairsData(Data[PairSplits]):
    """A corpus of sentences and their translations with its settings, as in conf/data/.

    Raises:
        UserError: a setting is not allowed.
    """

    tasks = (TRANSLATION,)

    task: TaskName
    bpe_vocab_size: Annotated[
        int,
        Setting(
            "tokens that both languages share (byte-level BPE)",
            whole(1, 10**7),
            unit=TOKENS,
            source="1508.07909",
        ),
    ]
    tokenizer: Annotated[
        str | None,
        Setting(
            "what turns both sides into tokens: bytes, characters, bpe, or the folder of a model with a"
            " tokenizer.json of any pieces and a token that ends a sentence",
            null="bpe",
            added_later=True,
        ),
    ] = None
    end_token: Annotated[
        int | None,
        Setting(
            "number of the token that ends a sentence, where the tokenizer is a model's",
            AT_LEAST_ZERO,
            null="one behind those of the text",
            from_data=True,
            added_later=True,
        ),
    ] = None
    vocab_size: Annotated[
        int | None,
        Setting(
            "those and the one that begins and ends a sentence",
            COUNT,
            unit=TOKENS,
            null=FILLED_IN,
            weights=False,
            from_data=True,
        ),
    ]
    context_length: Annotated[
        int,
        Setting(
            "length of a sentence with its end; longer pairs are left out, and counted in a note",
            whole(2, 10**8),
            unit=TOKENS,
        ),
    ]
    batch_size: BatchSize
    eval_batch_size: EvalBatchSize
    label_smoothing: Annotated[
        Number,
        Setting(
            "share of a uniform distribution in the training target; validation has none",
            BELOW_ONE,
            source="1512.00567; 0.1: 1706.03762",
        ),
    ]
    beam_size: Annotated[
        int,
        Setting(
            "hypotheses in validation and test; 1: the likeliest token each time",
            COUNT,
            source="4: 1706.03762",
            weights=False,
        ),
    ]
    length_penalty: Annotated[
        Number,
        Setting(
            "alpha of ((5 + length) / 6)^alpha, by which log probabilities are divided",
            POWER,
            source="1609.08144",
            weights=False,
        ),
    ]
    num_workers: Workers
    cache_dir: CacheDir

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bpe_vocab_size(self.bpe_vocab_size)
        if self.tokenizer is not None:
            check_tokenizer(self.tokenizer, bpe_vocab_size=self.bpe_vocab_size)

    @property
    def cache(self) -> Path:
        """The folder `cache_dir`."""
        return Path(self.cache_dir).expanduser()

    @property
    def decoding(self) -> Decoding:
        """How translations are written, and how the loss is smoothed."""
        return Decoding(
            label_smoothing=self.label_smoothing,
            beam_size=self.beam_size,
            length_penalty=self.length_penalty,
            max_tokens=self.context_length,
        )

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
        cache = PreparedCache(self.cache, folder="pairs", load=load_pairs)
        code = code_digest(BpeTokenizer, PairTokenizer, alone=(write_pairs,))
        settings = [code, self.bpe_vocab_size, self.context_length, *self._told_tokenizer()]
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
        prepared = PairSplits(**pairs._asdict(), decoding=self.decoding, language=language)
        check_follows(self, prepared.needs)
        return prepared

    def batch_source(self, prepared: PairSplits, *, seed: int) -> "PairBatches":
        from tuneformer.data.pairs.pair_batches import PairBatches

        return PairBatches(prepared, batch_size=self.batch_size, seed=seed)

    def _told_tokenizer(self) -> list[str]:
        """What else the tokens depend on: which tokenizer was asked for, or which one a folder holds."""
        name = self.tokenizer or BpeTokenizer.name
        if name in WORDS:
            return [] if name == BpeTokenizer.name else [name]
        return [hashlib.sha256(PairTokenizer.read(name).to_json().encode()).hexdigest()]

    def _write(self, folder: Path, text: PairText) -> None:
        both_sides = (f"{side}\n" for pair in text.train for side in pair)
        tokenizer = tokenizer_of_pairs(self.tokenizer, both_sides, bpe_vocab_size=self.bpe_vocab_size)
        if isinstance(tokenizer, BpeTokenizer) and tokenizer.vocab_size < self.bpe_vocab_size:
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
