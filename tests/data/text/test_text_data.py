import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tuneformer.data import code_digest
from tuneformer.data.corpora.text import Text
from tuneformer.data.text import file_parts, token_digest
from tuneformer.data.text.corpus_text import CorpusText
from tuneformer.data.text.text_data import TextData
from tuneformer.errors import UserError

SETTINGS: dict[str, Any] = {
    "task": "language_modelling",
    "tokenizer": "bytes",
    "bpe_vocab_size": 300,
    "vocab_size": None,
    "context_length": 8,
    "batch_size": 4,
    "eval_batch_size": 4,
    "max_validation_bytes": 1000,
    "num_workers": 0,
}


@dataclass(frozen=True, kw_only=True)
class Verses(TextData):
    """A corpus in memory that notes each time that it is read."""

    verse: ClassVar[str] = "The quick brown fox jumps over the lazy dog.\n"
    readings: list[str] = field(default_factory=list)

    def source(self) -> object:
        return self.verse

    def read(self) -> CorpusText:
        self.readings.append("whole")
        return CorpusText(train=[self.verse] * 30, validation=[self.verse * 2], test=[self.verse])


def verses(cache_dir: Path, **changes: Any) -> Verses:
    return Verses(**{**SETTINGS, "cache_dir": str(cache_dir), **changes})


@pytest.mark.fast
@pytest.mark.parametrize(("tokenizer", "vocab_size"), [("bytes", 256), ("characters", 31), ("bpe", 280)])
def test_preparing_gives_the_tokens_of_the_text(tmp_path: Path, tokenizer: str, vocab_size: int) -> None:
    splits = verses(tmp_path, tokenizer=tokenizer, bpe_vocab_size=280).prepare()
    assert splits.tokenizer.name == tokenizer
    assert splits.tokenizer.vocab_size == vocab_size
    for name, times in {"train": 30, "validation": 2, "test": 1}.items():
        file = splits.splits[name]
        assert splits.tokenizer.decode(file.open()) == Verses.verse * times
        assert file.n_bytes == len(Verses.verse) * times


@pytest.mark.fast
@pytest.mark.parametrize("tokenizer", ["bytes", "characters", "bpe"])
def test_preparing_again_reads_nothing_and_takes_no_time(tmp_path: Path, tokenizer: str) -> None:
    first = verses(tmp_path, tokenizer=tokenizer).prepare()
    again = verses(tmp_path, tokenizer=tokenizer)
    started = time.perf_counter()
    second = again.prepare()
    assert time.perf_counter() - started < 0.5
    assert again.readings == []
    assert second.splits == first.splits
    assert (second.fingerprint, second.notes) == (first.fingerprint, first.notes)


def edit(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """As if a module of ours had been changed."""
    source = code_digest._source
    changed = f"tuneformer.data.{module}"
    monkeypatch.setattr(code_digest, "_source", lambda name: source(name) + b"#" * (name == changed))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("module", "read_again", "made_anew"),
    [
        ("corpora.shakespeare", False, False),
        ("tokenizers.bpe_tokenizer", False, False),
        ("dealing", False, False),
        ("text.file_parts", True, False),
        ("text.text_data", True, False),
        ("corpora.text", True, False),
        ("tokenizers.plain_tokenizers", True, True),
        ("text.token_splits", True, True),
    ],
)
def test_only_code_that_makes_the_tokens_of_a_corpus_makes_them_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, read_again: bool, made_anew: bool
) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("some text\n" * 50)
    text = Text(path=str(corpus), validation_path=None, cache_dir=str(tmp_path / "cache"), **SETTINGS)
    first = text.prepare()
    edit(monkeypatch, module)
    reads, read = [], Text.read
    monkeypatch.setattr(Text, "read", lambda self: reads.append(self) or read(self))
    second = text.prepare()
    assert bool(reads) == read_again
    assert (second.splits["train"].path != first.splits["train"].path) == made_anew
    assert second.fingerprint == first.fingerprint


@pytest.mark.fast
def test_each_setting_that_changes_tokens_has_its_own_files_and_no_other_has(tmp_path: Path) -> None:
    base = verses(tmp_path, tokenizer="bpe").prepare().splits["train"].path
    for changes in ({"tokenizer": "bytes"}, {"bpe_vocab_size": 280}, {"max_validation_bytes": 80}):
        assert verses(tmp_path, **{"tokenizer": "bpe", **changes}).prepare().splits["train"].path != base
    for changes in ({"context_length": 9}, {"batch_size": 1}, {"eval_batch_size": 9}, {"num_workers": 1}):
        assert verses(tmp_path, tokenizer="bpe", **changes).prepare().splits["train"].path == base


@pytest.mark.fast
def test_damaged_files_are_noticed_and_made_again(tmp_path: Path) -> None:
    path = verses(tmp_path).prepare().splits["train"].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    again = verses(tmp_path)
    again.prepare()
    assert again.readings == ["whole"]
    assert path.read_bytes() == whole


@pytest.mark.fast
def test_a_bpe_vocabulary_larger_than_the_text_gives_is_remarked(tmp_path: Path) -> None:
    splits = verses(tmp_path, tokenizer="bpe").prepare()
    assert splits.notes == [f"the text gives {splits.tokenizer.vocab_size} tokens of data.bpe_vocab_size=300"]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"tokenizer": "byte"},
            r"data\.tokenizer=byte must be one of bytes, characters, bpe \(did you mean bytes\?\)",
        ),
        ({"tokenizer": 3}, r"data\.tokenizer=3 must be text"),
        ({"task": "translation"}, r"data\.task=translation must be one of language_modelling"),
        ({"batch_size": 0}, r"data\.batch_size=0 must be at least 1"),
        ({"batch_size": True}, r"data\.batch_size=true must be"),
        ({"eval_batch_size": -1}, r"data\.eval_batch_size=-1 must be"),
        ({"context_length": 1.5}, r"data\.context_length=1\.5 must be"),
        ({"context_length": None}, r"data\.context_length=null must be"),
        ({"max_validation_bytes": 0}, r"data\.max_validation_bytes=0 must be"),
        ({"num_workers": -1}, r"data\.num_workers=-1 must be 0 or more"),
        ({"tokenizer": "bpe", "bpe_vocab_size": 256}, r"data\.bpe_vocab_size=256 must be at least 257"),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        verses(tmp_path, **changes)


@pytest.mark.fast
def test_what_does_not_fit_the_text_is_refused_whether_it_was_prepared_before_or_not(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(
            UserError, match=r"data\.context_length=45 is too long for the test split of 45 tokens"
        ):
            verses(tmp_path, context_length=45).prepare()
        with pytest.raises(
            UserError, match=r"data\.vocab_size=99 is not what the text and tokenizer give \(256\)"
        ):
            verses(tmp_path, vocab_size=99).prepare()
    assert verses(tmp_path, context_length=44, vocab_size=256).prepare().tokenizer.vocab_size == 256


def test_two_processes_may_prepare_the_same_corpus_at_once(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"line {i} of the corpus\n" for i in range(5000)))
    settings = {**SETTINGS, "tokenizer": "bpe", "cache_dir": str(tmp_path / "cache"), "path": str(corpus)}
    program = (
        "import sys; from tuneformer.data.corpora.text import Text; sys.stdin.readline();"
        f"print(Text(validation_path=None, **{settings!r}).prepare().fingerprint)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert answers[0] == answers[1]
    assert len(answers[0].strip()) == 64
    assert len(list((tmp_path / "cache" / "tokens").iterdir())) == 1


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("tokenizer", ["bytes", "characters"])
def test_memory_of_preparing_does_not_grow_with_the_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str
) -> None:
    for module in (file_parts, token_digest):
        monkeypatch.setattr(module, "BLOCK_BYTES", 1 << 14)
    settings = {**SETTINGS, "tokenizer": tokenizer, "validation_path": None}
    line = "All the world's a stage, and all the men and women merely players — \n"
    peaks = []
    for n_lines in (1_000, 100_000):
        path = tmp_path / f"{n_lines}.txt"
        path.write_text(line * n_lines)
        with peak_memory() as peak:
            Text(path=str(path), cache_dir=str(tmp_path / "cache"), **settings).prepare()
        peaks.append(peak[0])
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < path.stat().st_size / 4


def test_reading_a_corpus_needs_no_torch() -> None:
    program = (
        "import sys, tuneformer.data.corpora.shakespeare, tuneformer.data.corpora.text,"
        "tuneformer.data.corpora.python_stdlib, tuneformer.data.tokenizers.bpe_tokenizer;"
        "print([name for name in ('torch', 'pytorch_lightning', 'tokenizers') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
