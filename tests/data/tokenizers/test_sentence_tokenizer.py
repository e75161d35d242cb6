"""The tokenizers of encoders: WordPiece, and what marks the ends of a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tuneformer.data.tokenizers.folder_tokenizer import FolderTokenizer
from tuneformer.data.tokenizers.kinds import (
    names_of,
    read_tokenizer,
    tokenizer_from_json,
    tokenizer_of_sentences,
    train_tokenizer,
)
from tuneformer.data.tokenizers.pair_tokenizer import PairTokenizer
from tuneformer.data.tokenizers.sentence_tokenizer import SentenceTokenizer, marks_ends
from tuneformer.errors import UserError

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "play", "##ing", "##er", "the"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with a WordPiece tokenizer as BERT has it."""
    made = Tokenizer(models.WordPiece({word: n for n, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.decoder = decoders.WordPiece()
    made.enable_truncation(3)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_a_sentence_is_cut_into_pieces_between_its_ends(folder: Path) -> None:
    tokenizer = tokenizer_of_sentences(str(folder), [], bpe_vocab_size=300)
    assert isinstance(tokenizer, SentenceTokenizer)
    assert tokenizer.encode("The PLAYER playing chess").tolist() == [2, 7, 4, 6, 4, 5, 1, 3]
    assert tokenizer.decode([2, 7, 4, 6, 3]) == "[CLS] the player [SEP]"
    assert tokenizer.vocab_size == len(VOCABULARY)


def test_it_survives_its_run(folder: Path, tmp_path: Path) -> None:
    tokenizer = SentenceTokenizer.read(str(folder))
    again = tokenizer_from_json(tokenizer.to_json())
    assert again.encode("playing").tolist() == tokenizer.encode("playing").tolist()
    (tmp_path / "kept.json").write_text(tokenizer.to_json(), encoding="utf-8")
    assert read_tokenizer(tmp_path / "kept.json").name in names_of(str(folder))


def test_bits_per_byte_need_a_tokenizer_that_loses_nothing(folder: Path) -> None:
    with pytest.raises(UserError, match=r"its tokens are no bytes of the text"):
        train_tokenizer(str(folder), [], bpe_vocab_size=300)


def test_a_text_without_tokens_is_one_line(tmp_path: Path) -> None:
    made = Tokenizer(models.WordLevel({"the": 0, "[SEP]": 1}, unk_token="[UNK]"))
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "[SEP]"}', encoding="utf-8")
    for tokenizer in (SentenceTokenizer.read(str(tmp_path)), PairTokenizer.read(str(tmp_path))):
        assert tokenizer.encode("the").tolist() == [0]
        with pytest.raises(
            UserError, match=r"^data.tokenizer has no tokens for 'chess', nor one for"
        ) as told:
            tokenizer.encode("chess")
        assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("processor", "marked"),
    [
        (None, False),
        ({"type": "ByteLevel"}, False),
        ({"type": "RobertaProcessing"}, True),
        ({"type": "TemplateProcessing", "single": [{"SpecialToken": {}}, {"Sequence": {}}]}, False),
        ({"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "BertProcessing"}]}, True),
    ],
)
def test_which_tokenizers_mark_both_ends(processor: dict[str, Any] | None, marked: bool) -> None:
    assert marks_ends({"post_processor": processor}) == marked


def test_one_of_bytes_without_marks_stays_what_it_is(tmp_path: Path) -> None:
    made = Tokenizer(models.BPE({character: n for n, character in enumerate("abc")}, []))
    made.decoder = decoders.ByteLevel()
    made.save(str(tmp_path / "tokenizer.json"))
    assert isinstance(tokenizer_of_sentences(str(tmp_path), [], bpe_vocab_size=300), FolderTokenizer)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "holds no tokenizer.json"), ([], "is no tokenizer"), ({"model": {}}, "cannot be used")],
)
def test_what_is_no_tokenizer_is_one_line(content: Any, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=message) as told:
        tokenizer_of_sentences(str(tmp_path), [], bpe_vocab_size=300)
    assert "\n" not in str(told.value)
