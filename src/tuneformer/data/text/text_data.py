"""What all data of tokens share: settings and their checks, and the way from text to token files."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tuneformer.config.ranges import AT_LEAST_ONE
from tuneformer.config.setting import Setting
from tuneformer.data.code_digest import code_digest
from tuneformer.data.contract import Data
from tuneformer.data.prepared_cache import PreparedCache, content_hash
from tuneformer.data.settings import (
    COUNT,
    TOKENS,
    BatchSize,
    BpeVocabSize,
    CacheDir,
    EvalBatchSize,
    TaskName,
    TokenizerName,
    VocabSize,
    Workers,
)
from tuneformer.data.task_facts import MetricFacts, TaskFacts
from tuneformer.data.text.corpus_text import (
    CorpusText,
    check_context_fits,
    check_documents_are_told,
    cut_validation,
    hash_text,
)
from tuneformer.data.text.token_files import TokenFile
from tuneformer.data.text.token_splits import Source, TokenSplits, load_token_splits, write_token_splits
from tuneformer.data.tokenizers.document_tokenizer import DocumentTokenizer, own_document_start
from tuneformer.data.tokenizers.kinds import (
    KINDS,
    WORDS,
    check_tokenizer,
    kind_of,
    settings_of_tokenizer,
    train_tokenizer,
)
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.errors import UserError

if TYPE_CHECKING:
    from tuneformer.data.text.token_batches import TokenWindows

LANGUAGE_MODELLING = TaskFacts(
    name="language_modelling",
    done_by="tuneformer.tasks.language_modelling.LanguageModelling",
    metrics=(
        MetricFacts(name="loss", label="loss", form="{:.4f} nats per token"),
        MetricFacts(name="perplexity"),
        MetricFacts(name="bits_per_byte", label="bits per byte"),
    ),
    inputs=("tokens",),
    text="continued",
)


@dataclass(frozen=True, kw_only=True)
class TokenData(Data[TokenSplits]):
    """Text as tokens, to be read in windows.

    Raises:
        UserError: a setting is not allowed.
    """

    tasks = (LANGUAGE_MODELLING,)

    task: TaskName
    tokenizer: TokenizerName
    bpe_vocab_size: BpeVocabSize
    vocab_size: VocabSize
    context_length: Annotated[int, Setting("length of a window", COUNT, unit=TOKENS)]
    batch_size: BatchSize
    windows: Annotated[
        str | None,
        Setting(
            "which windows train: passes: those of one pass over the corpus after the other, each once",
            ("passes",),
            null="drawn at random for each batch",
            added_later=True,
        ),
    ] = None
    documents: Annotated[
        str | None,
        Setting(
            "where a document begins: packed: a token says so, and windows go on over it; separate: attention"
            " and positions begin anew there too",
            ("packed", "separate"),
            null="the text is one stream, and nothing says so",
            added_later=True,
        ),
    ] = None
    eval_batch_size: EvalBatchSize
    max_validation_bytes: Annotated[
        int,
        Setting(
            "what validation is cut to; test never is",
            AT_LEAST_ONE,
            unit="bytes",
            weights=False,
        ),
    ]
    num_workers: Workers
    cache_dir: CacheDir

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tokenizer(self.tokenizer, bpe_vocab_size=self.bpe_vocab_size)

    @property
    def cache(self) -> Path:
        """The folder `cache_dir`."""
        return Path(self.cache_dir).expanduser()

    @property
    def unit(self) -> str:
        return "tokens"

    @property
    def units_per_step(self) -> int:
        return self.batch_size * self.context_length

    def batch_source(self, prepared: TokenSplits, *, seed: int) -> "TokenWindows":
        from tuneformer.data.text.token_batches import TokenWindows

        return TokenWindows(
            prepared.splits,
            context_length=self.context_length,
            batch_size=self.batch_size,
            seed=seed,
            passes=self.windows is not None,
        )

    def marking(self, tokenizer: Tokenizer) -> Tokenizer:
        """The tokenizer as documents need it: its own token, or one more, says where one begins."""
        if self.documents is None:
            return tokenizer
        own = self._own_start
        return DocumentTokenizer(tokenizer, tokenizer.vocab_size if own is None else own)

    @property
    def marks(self) -> list[object]:
        """What the tokens depend on where documents are marked; empty where they are not."""
        if self.documents is None:
            return []
        return ["documents", code_digest(DocumentTokenizer), self._own_start]

    @property
    def _own_start(self) -> int | None:
        return None if self.tokenizer in WORDS else own_document_start(self.tokenizer)

    def checked(self, splits: TokenSplits[Source]) -> TokenSplits[Source]:
        """The splits as they are trained on.

        Raises:
            UserError: the tokens do not go with the settings.
        """
        self.check(splits)
        if self.documents != "separate":
            return splits
        assert isinstance(splits.tokenizer, DocumentTokenizer)
        return replace(splits, document_start=splits.tokenizer.document_start)

    def check(self, splits: TokenSplits) -> None:
        """Raises UserError where the tokens do not go with the settings."""
        for name, tokens in splits.splits.items():
            check_context_fits(self.context_length, tokens.n_tokens, name)
        found = splits.tokenizer.vocab_size
        if self.vocab_size not in (None, found):
            raise UserError(
                f"data.vocab_size={self.vocab_size} is not what the text and tokenizer give ({found}): "
                "leave it null"
            )


@dataclass(frozen=True, kw_only=True)
class TextData(TokenData):
    """A text corpus with its settings, as in conf/data/: split, hashed and tokenised as a whole."""

    @abstractmethod
    def source(self) -> object:
        """What the text is read from, as JSON types: quick to tell, and other when the text may be other."""

    @abstractmethod
    def read(self) -> CorpusText:
        """The text of the three splits."""

    def prepare(self) -> TokenSplits[TokenFile]:
        """Fetch, split and tokenise the corpus, or find what was prepared before.

        An unchanged source is not read again, unless the code of its reader has changed; token files are
        kept under `cache_dir` by the hash of the text, the tokenizer's settings and its code. Two processes
        may prepare at once.

        Raises:
            UserError: the text cannot be had, is too short for `context_length`, does not give
                `vocab_size` tokens, or the cache cannot be written.
        """
        cache = PreparedCache(self.cache, folder="tokens", load=load_token_splits)
        code = code_digest(KINDS[kind_of(self.tokenizer)], alone=(train_tokenizer, write_token_splits))
        settings = [code, self.tokenizer, self.max_validation_bytes]
        settings += settings_of_tokenizer(self.tokenizer, bpe_vocab_size=self.bpe_vocab_size) + self.marks
        reader = code_digest(type(self), alone=(TextData, Data))
        source = content_hash(type(self).__qualname__, self.source(), reader, settings)
        splits = cache.find_source(source)
        if splits is None:
            splits = self._tokenise(cache, source, settings)
        return self.checked(splits)

    def _tokenise(
        self, cache: PreparedCache[TokenSplits[TokenFile]], source: str, settings: list
    ) -> TokenSplits[TokenFile]:
        text = cut_validation(self.read(), max_bytes=self.max_validation_bytes)
        if self.documents is not None:
            check_documents_are_told(text, setting=f"data.documents={self.documents}")
        hashes = {name: hash_text(pieces) for name, pieces in text.splits.items()}
        content = content_hash(hashes, text.notes, settings)
        splits = cache.find_content(content)
        if splits is None:
            tokenizer = train_tokenizer(self.tokenizer, text.train, bpe_vocab_size=self.bpe_vocab_size)
            if tokenizer.name == "bpe" and tokenizer.vocab_size < self.bpe_vocab_size:
                found = f"the text gives {tokenizer.vocab_size} tokens"
                note = f"{found} of data.bpe_vocab_size={self.bpe_vocab_size}"
                text = replace(text, notes=(*text.notes, note))
            marking = self.marking(tokenizer)
            splits = cache.build(content, lambda folder: write_token_splits(folder, marking, text, hashes))
        cache.remember(source, content)
        return splits
