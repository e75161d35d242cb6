"""Which language is it? Sentences of the message catalogues of Django."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from tuneformer.config.setting import Setting
from tuneformer.data.contract import IGNORED, SPLITS, PreparedData
from tuneformer.data.draws import shuffled_rows
from tuneformer.data.examples.examples import (
    CLASS_METRICS,
    CLASSES_FILE,
    ExampleData,
    Examples,
    classes_to_json,
)
from tuneformer.data.languages.catalogues import Sentence, plain, read_catalogues
from tuneformer.data.settings import (
    COUNT,
    TOKENS,
    BpeVocabSize,
    CacheDir,
    Classes,
    TokenizerName,
    VocabSize,
    check_follows,
)
from tuneformer.data.task_facts import TaskFacts
from tuneformer.data.tokenizers.kinds import (
    WORDS,
    check_tokenizer,
    settings_of_tokenizer,
    tokenizer_of_sentences,
)
from tuneformer.data.tokenizers.sentence_tokenizer import SentenceTokenizer
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.data.wheels import Wheel
from tuneformer.errors import UserError
from tuneformer.runs.directory import TOKENIZER_FILE

WHEEL = Wheel(
    requirement="Django==5.2.19",
    file_name="django-5.2.19-py3-none-any.whl",
    sha256="5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00",
    for_option="data=language_id",
    instead="there is no other source of these sentences",
)
TEXT_CLASSIFICATION = TaskFacts(
    name="text_classification",
    done_by="tuneformer.tasks.classification.TextClassification",
    metrics=CLASS_METRICS,
    inputs=("tokens", "visible"),
    text="classified",
)
HELD_OUT = 0.1


@dataclass(frozen=True, kw_only=True)
class LanguageId(ExampleData["LanguageSplits"]):
    """Sentences of `languages` and which of them it is; a text longer than context_length tokens is cut.

    A tenth of the messages validates and a tenth tests, by a hash of the message: all its translations are
    in one split. Placeholders and tags are taken out; what is then shorter than `min_characters` is left
    out, and so is a held-out text that training has as well, in whatever language, digits aside.

    Raises:
        UserError: a setting is not allowed, or the catalogues lack a language.
    """

    tasks = (TEXT_CLASSIFICATION,)

    languages: Annotated[tuple[str, ...], Setting("those to be told apart; the catalogues have 98")]
    min_characters: Annotated[int, Setting("length of the shortest message that is not left out", COUNT)]
    tokenizer: TokenizerName
    bpe_vocab_size: BpeVocabSize
    vocab_size: VocabSize
    n_classes: Classes
    context_length: Annotated[int, Setting("length that a longer text is cut to", COUNT, unit=TOKENS)]
    cache_dir: CacheDir

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tokenizer(self.tokenizer, bpe_vocab_size=self.bpe_vocab_size)
        if len(set(self.languages)) < 2 or len(set(self.languages)) < len(self.languages):
            raise UserError(f"data.languages={self.languages} must be two or more, each once")

    @property
    def unit(self) -> str:
        return "sentences"

    @property
    def units_per_step(self) -> int:
        return self.batch_size

    def prepare(self) -> "LanguageSplits":
        sentences = list(read_catalogues(WHEEL.fetch(Path(self.cache_dir).expanduser())))
        there = sorted({sentence.language for sentence in sentences})
        for language in self.languages:
            if language not in there:
                raise UserError(f"data.languages has no {language}: the catalogues have {', '.join(there)}")
        parts = split_sentences(
            (sentence for sentence in sentences if sentence.language in self.languages),
            min_characters=self.min_characters,
        )
        tokenizer = tokenizer_of_sentences(
            self.tokenizer,
            [f"{sentence.text}\n" for sentence in parts["train"]],
            bpe_vocab_size=self.bpe_vocab_size,
        )
        prepared = LanguageSplits(
            tokenizer=tokenizer,
            parts=parts,
            classes=list(self.languages),
            context_length=self.context_length,
            fingerprint=_fingerprint(parts, list(self.languages), self._told(tokenizer)),
            notes=[],
        )
        check_follows(self, prepared.needs)
        return prepared

    def _told(self, tokenizer: Tokenizer) -> str:
        if self.tokenizer in WORDS:
            return self.tokenizer
        if isinstance(tokenizer, SentenceTokenizer):
            return hashlib.sha256(tokenizer.to_json().encode()).hexdigest()
        return str(settings_of_tokenizer(self.tokenizer, bpe_vocab_size=self.bpe_vocab_size))


@dataclass(frozen=True, kw_only=True)
class LanguageSplits(PreparedData):
    """Sentences by split, and what turns them into tokens."""

    tokenizer: Tokenizer
    parts: dict[str, list[Sentence]]
    classes: list[str]
    context_length: int
    fingerprint: str
    notes: list[str]

    def split(self, name: str) -> Examples:
        return self._encoded(self.parts[name])

    def training_step(self, *, seed: int, step: int, batch_size: int) -> Examples:
        train = self.parts["train"]
        rows = shuffled_rows(seed=seed, step=step, n_rows=len(train), batch_size=batch_size)
        return self._encoded([train[row] for row in rows])

    @property
    def counts(self) -> dict[str, int | None]:
        return {name: len(part) for name, part in self.parts.items()}

    @property
    def needs(self) -> dict[str, Any]:
        return {"vocab_size": self.tokenizer.vocab_size, "n_classes": len(self.classes)}

    @property
    def description(self) -> str:
        return f"{len(self.parts['train']):,} training sentences in {len(self.classes)} languages"

    @property
    def kept(self) -> dict[str, str]:
        return {TOKENIZER_FILE: self.tokenizer.to_json(), CLASSES_FILE: classes_to_json(self.classes)}

    def _encoded(self, sentences: list[Sentence]) -> Examples:
        tokens = np.full((len(sentences), self.context_length), IGNORED, dtype=np.int64)
        for row, sentence in zip(tokens, sentences, strict=True):
            encoded = self.tokenizer.encode(sentence.text)[: self.context_length]
            row[: len(encoded)] = encoded
        labels = [self.classes.index(sentence.language) for sentence in sentences]
        return Examples(tokens, np.array(labels, dtype=np.int64))


def split_sentences(sentences: Iterable[Sentence], *, min_characters: int) -> dict[str, list[Sentence]]:
    """The sentences by split: see `LanguageId`."""
    parts: dict[str, list[Sentence]] = {name: [] for name in SPLITS}
    for sentence in sentences:
        text = plain(sentence.text)
        if len(text) >= min_characters:
            parts[split_of(sentence.message)].append(sentence._replace(text=text))
    seen = {_normalised(sentence.text) for sentence in parts["train"]}
    for name in ("validation", "test"):
        parts[name] = [sentence for sentence in parts[name] if _normalised(sentence.text) not in seen]
    return parts


def split_of(message: str) -> str:
    """The split of a message in every language."""
    place = int.from_bytes(hashlib.sha256(message.encode()).digest()[:8], "big") / 2**64
    if place < HELD_OUT:
        return "validation"
    return "test" if place < 2 * HELD_OUT else "train"


def _normalised(text: str) -> str:
    return "".join("0" if character.isdigit() else character for character in text.casefold())


def _fingerprint(parts: dict[str, list[Sentence]], languages: list[str], tokenizer: str) -> str:
    digest = hashlib.sha256(repr((languages, tokenizer)).encode())
    for name in SPLITS:
        digest.update(repr([tuple(sentence) for sentence in parts[name]]).encode())
    return digest.hexdigest()
