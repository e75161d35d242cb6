"""Sentences in many languages: catalogues from their bytes, splits by message."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import small_data
from tuneformer.data.languages import language_id
from tuneformer.data.languages.catalogues import Sentence, plain, read_catalogue, read_catalogues
from tuneformer.data.languages.language_id import LanguageId, split_of, split_sentences
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with catalogues of three made-up languages."""
    members = {
        f"django/conf/locale/{name}/LC_MESSAGES/django.mo": small_data.catalogue(
            small_data.sentences(letters)
        )
        for name, letters in small_data.LANGUAGES.items()
    }
    members["django/conf/locale/da/LC_MESSAGES/django.po"] = b"not read"
    small_data.put_wheel(monkeypatch, tmp_path, language_id, members)
    return tmp_path


def option(cache: Path, **changes: Any) -> LanguageId:
    settings: dict[str, Any] = {
        "task": "text_classification",
        "languages": ["da", "nb", "sv"],
        "min_characters": 20,
        "tokenizer": "bytes",
        "bpe_vocab_size": 300,
        "vocab_size": None,
        "n_classes": None,
        "context_length": 40,
        "batch_size": 8,
        "eval_batch_size": 8,
        "num_workers": 0,
        "cache_dir": str(cache),
    }
    return LanguageId(**(settings | changes))


def test_a_catalogue_is_read_from_its_bytes() -> None:
    messages = {"Yes": "Ja", "%d file\0%d files": "%d fil\0%d filer", "verb\x04Open": "Åbn", "Empty": ""}
    found = list(read_catalogue(small_data.catalogue(messages)))
    assert sorted(found) == [
        ("%d file", "%d fil"),
        ("%d file", "%d filer"),
        ("Yes", "Ja"),
        ("verb\x04Open", "Åbn"),
    ]


def test_placeholders_and_tags_are_taken_out() -> None:
    assert plain("Slet %(count)d af\n<b>{name}</b> %s nu") == "Slet af nu"


def test_every_catalogue_of_the_archive_is_read(cache: Path) -> None:
    wheel = cache / "downloads" / language_id.WHEEL.file_name
    found = list(read_catalogues(wheel))
    assert {sentence.language for sentence in found} == {"da", "nb", "sv"}
    texts = {(s.language, s.message): s.text for s in found}
    assert texts["nb", "Message number 7"] == small_data.sentences("ghijkl")["Message number 7"]
    assert len(found) == 240


def test_all_translations_of_a_message_are_in_one_split(cache: Path) -> None:
    prepared = option(cache).prepare()
    split_of_message: dict[str, set[str]] = {}
    for name, part in prepared.parts.items():
        for sentence in part:
            split_of_message.setdefault(sentence.message, set()).add(name)
    assert all(len(names) == 1 for names in split_of_message.values())
    assert set.union(*split_of_message.values()) == {"train", "validation", "test"}
    assert prepared.counts["train"] == 3 * sum(split_of(f"Message number {n}") == "train" for n in range(80))


def test_what_training_has_is_not_held_out_and_short_texts_are_left_out() -> None:
    names = [f"Message number {number}" for number in range(80)]
    train = next(name for name in names if split_of(name) == "train")
    test = next(name for name in names if split_of(name) == "test")
    parts = split_sentences(
        [
            Sentence("da", train, "Der er 12 filer i mappen"),
            Sentence("nb", test, "Der er 7 filer i mappen"),
            Sentence("nb", test, "Der er 77 Filer i mappen"),
            Sentence("sv", test, "Det är 7 filer i mappen"),
            Sentence("sv", train, "Ja"),
        ],
        min_characters=5,
    )
    assert [sentence.language for sentence in parts["train"]] == ["da"]
    # digits count singly: 12 is told from 7
    assert [s.text for s in parts["test"]] == ["Der er 7 filer i mappen", "Det är 7 filer i mappen"]


def test_a_batch_has_the_tokens_of_its_sentences_and_nothing_behind_them(cache: Path) -> None:
    prepared = option(cache, context_length=300).prepare()
    examples = prepared.split("test")
    for tokens, label, sentence in zip(*examples, prepared.parts["test"], strict=True):
        length = int((tokens != -100).sum())
        assert (tokens[length:] == -100).all()
        assert prepared.tokenizer.decode(tokens[:length]) == sentence.text
        assert prepared.classes[label] == sentence.language
    cut = option(cache, context_length=6).prepare().split("test").inputs
    assert (cut == examples.inputs[:, :6]).all()
    step = prepared.training_step(seed=1, step=3, batch_size=8)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(step, prepared.training_step(seed=1, step=3, batch_size=8), strict=True)
    )


@pytest.mark.parametrize("tokenizer", ["characters", "bpe"])
def test_a_run_keeps_its_tokenizer_and_its_classes(cache: Path, tokenizer: str) -> None:
    prepared = option(cache, tokenizer=tokenizer).prepare()
    assert prepared.kept.keys() == {"tokenizer.json", "classes.json"}
    assert prepared.kept["classes.json"] == '["da", "nb", "sv"]\n'
    assert prepared.needs == {"vocab_size": prepared.tokenizer.vocab_size, "n_classes": 3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"languages": ["da", "xx"]}, "data.languages has no xx: the catalogues have da, nb, sv"),
        ({"languages": ["da"]}, "must be two or more, each once"),
        ({"languages": ["da", "da"]}, "must be two or more, each once"),
        ({"n_classes": 7}, "data.n_classes=7 is not what the data give (3): leave it null"),
        ({"min_characters": 0}, "data.min_characters=0 must be at least 1"),
    ],
)
def test_a_language_that_is_not_there_is_one_line(cache: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        option(cache, **changes).prepare()
    assert message in str(error.value)
    assert "\n" not in str(error.value)
