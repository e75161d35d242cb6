"""Documents: a token before each, whole in one split, and no bytes for what is no text."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.text.test_text_data import SETTINGS, Verses
from tests.data.tokenizers.test_folder_tokenizer import END, folder
from tests.small_data import write_json_lines
from tuneformer.data.contract import SPLITS
from tuneformer.data.corpora.text import Text
from tuneformer.data.held_out import assign_documents
from tuneformer.data.hf.hugging_face import HuggingFace
from tuneformer.data.text.corpus_text import DOCUMENT_START, hash_text
from tuneformer.data.text.document_files import parts_between
from tuneformer.data.text.token_splits import TokenSplits
from tuneformer.data.tokenizers.document_tokenizer import SHOWN_AS, DocumentTokenizer
from tuneformer.data.tokenizers.kinds import tokenizer_from_json, train_tokenizer
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast
assert folder  # a fixture

TEXTS = [f"Document {number}: {'äpfel und birnen ' * (number % 7)}\n" for number in range(40)]


def files(tmp_path: Path, texts: list[str]) -> Path:
    corpus = tmp_path / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (corpus / f"{number:03d}.txt").write_bytes(text.encode())
    return corpus


def text_data(tmp_path: Path, path: Path, **changes: Any) -> Text:
    held_out = {"validation_path": None, "documents": "packed"}
    return Text(
        **{**SETTINGS, **held_out, "cache_dir": str(tmp_path / "cache"), "path": str(path), **changes}
    )


def rows(tmp_path: Path, texts: list[str], **changes: Any) -> HuggingFace:
    path = write_json_lines(tmp_path / "rows.jsonl", texts)
    of_rows = {"subset": None, "column": "text", "max_documents": None, "held_out": 0.2}
    sizes = {"shard_tokens": 300, "tokenizer_documents": 50, "documents": "packed"}
    place = {"path": str(path), "cache_dir": str(tmp_path / "cache")}
    return HuggingFace(**{**SETTINGS, **of_rows, **sizes, **place, **changes})


def told(splits: TokenSplits, name: str) -> list[str]:
    """The documents of a split, read from its tokens."""
    source, tokenizer = splits.splits[name], splits.tokenizer
    assert isinstance(tokenizer, DocumentTokenizer)
    tokens = np.asarray(source.open()[np.arange(source.n_tokens)])
    starts = np.flatnonzero(tokens == tokenizer.document_start)
    assert starts[0] == 0
    return [tokenizer.decode(part[1:]) for part in np.split(tokens, starts[1:])]


@pytest.mark.parametrize("tokenizer", ["bytes", "characters", "bpe"])
@pytest.mark.parametrize("kind", [text_data, rows])
def test_each_document_is_whole_in_one_split_behind_one_token(
    tmp_path: Path, kind: Any, tokenizer: str
) -> None:
    given: Any = TEXTS if kind is rows else files(tmp_path, TEXTS)
    splits = kind(tmp_path, given, tokenizer=tokenizer).prepare()
    found = {name: told(splits, name) for name in SPLITS}
    assert sorted(text for texts in found.values() for text in texts) == sorted(TEXTS)
    assert all(found.values())
    whole = train_tokenizer(tokenizer, [*found["train"]], bpe_vocab_size=SETTINGS["bpe_vocab_size"])
    assert splits.tokenizer.vocab_size == whole.vocab_size + 1
    assert splits.tokenizer.document_start == whole.vocab_size
    for name, texts in found.items():
        source = splits.splits[name]
        n_bytes = len("".join(texts).encode())
        assert source.n_bytes == n_bytes
        tokens = np.asarray(source.open()[np.arange(source.n_tokens)])
        unknown = splits.unknown_characters(name)
        if unknown is None:
            assert splits.tokenizer.byte_lengths[tokens].sum() == n_bytes
        else:
            known = tokens[tokens != unknown.token]
            counted = splits.tokenizer.byte_lengths[known].sum() + unknown.mean_bytes * (
                len(tokens) - len(known)
            )
            assert counted == pytest.approx(n_bytes)


def test_packed_and_separate_are_the_same_tokens_and_only_one_asks_something_of_the_model(
    tmp_path: Path,
) -> None:
    corpus = files(tmp_path, TEXTS)
    packed = text_data(tmp_path, corpus).prepare()
    separate = text_data(tmp_path, corpus, documents="separate").prepare()
    assert packed.splits == separate.splits
    assert packed.fingerprint == separate.fingerprint
    assert packed.needs == {"vocab_size": 257}
    assert separate.needs == {"vocab_size": 257, "document_start": 256}
    stream = text_data(tmp_path, corpus, documents=None).prepare()
    assert stream.fingerprint != packed.fingerprint
    assert stream.needs == {"vocab_size": 256}


def test_equal_documents_are_in_one_split_and_their_place_does_not_count(tmp_path: Path) -> None:
    texts = [f"{number % 8} copies {'x' * (number % 8)}\n" for number in range(40)]
    splits = text_data(tmp_path, files(tmp_path, texts)).prepare()
    found = {name: set(told(splits, name)) for name in SPLITS}
    assert sum(map(len, found.values())) == len(set(texts))
    turned = text_data(tmp_path, files(tmp_path, texts[::-1]))
    again = turned.prepare()
    assert {name: set(told(again, name)) for name in SPLITS} == found


def test_what_is_held_out_is_a_twentieth_or_the_smallest() -> None:
    splits = assign_documents({f"{number:02}": 10 for number in range(40)})
    assert [list(splits.values()).count(name) for name in SPLITS] == [36, 2, 2]
    few = assign_documents({"a": 100, "b": 7, "c": 9, "d": 7})
    assert few == {"a": "train", "b": "validation", "d": "test", "c": "train"}


def test_a_file_is_cut_at_a_separator_and_line_breaks_beside_it_belong_to_none(tmp_path: Path) -> None:
    path = tmp_path / "stories.txt"
    path.write_bytes("<|end|>\neins é\n\nzwei\r\n<|end|>\r\n<|end|>drei<|end|>  vier\n".encode())
    parts = ["".join(part) for part in parts_between(path, "<|end|>")]
    assert parts == ["eins é\n\nzwei", "drei", "  vier"]
    splits = text_data(tmp_path, path, document_separator="<|end|>", context_length=4).prepare()
    assert sorted(text for name in SPLITS for text in told(splits, name)) == sorted(parts)
    other = text_data(tmp_path, path, document_separator="\n\n", context_length=3)
    assert other.source() != text_data(tmp_path, path, document_separator="<|end|>").source()


def test_what_validation_path_has_does_not_train(tmp_path: Path) -> None:
    held_out = tmp_path / "held.txt"
    held_out.write_text(TEXTS[3])
    splits = text_data(tmp_path, files(tmp_path, TEXTS), validation_path=str(held_out)).prepare()
    assert told(splits, "validation") == told(splits, "test") == [TEXTS[3]]
    assert told(splits, "train") == [*TEXTS[:3], *TEXTS[4:]]
    assert "1 documents of data.path are held out: they do not train" in splits.notes


def test_where_documents_begin_is_part_of_what_the_data_are() -> None:
    whole, cut = [DOCUMENT_START, "ab"], [DOCUMENT_START, "a", DOCUMENT_START, "b"]
    assert hash_text(whole) != hash_text(cut)
    assert hash_text(whole) == hash_text([DOCUMENT_START, "a", "b"])
    assert hash_text(["a", "", "b"]) == hash_text(["ab"])


def test_the_token_of_a_folder_is_its_own(folder: Path, tmp_path: Path) -> None:
    def start(told: dict[str, Any] | None) -> int:
        (folder / "tokenizer_config.json").write_text(json.dumps(told))
        settings = {"tokenizer": str(folder), "documents": "separate"}
        splits = text_data(tmp_path, files(tmp_path, TEXTS), **settings).prepare()
        tokenizer = splits.tokenizer
        assert isinstance(tokenizer, DocumentTokenizer)
        assert tokenizer.byte_lengths[tokenizer.document_start] == 0
        assert splits.needs["document_start"] == tokenizer.document_start
        assert splits.needs["vocab_size"] == tokenizer.vocab_size
        return tokenizer.document_start

    end = json.loads((folder / "tokenizer.json").read_text())["added_tokens"][0]
    assert end["content"] == END
    assert start({"bos_token": END}) == end["id"]
    assert start({"bos_token": None, "eos_token": {"content": END}}) == end["id"]
    last = train_tokenizer(str(folder), [], bpe_vocab_size=0).vocab_size
    assert start({"bos_token": "<s>"}) == last
    assert start(None) == last


def test_a_tokenizer_of_documents_survives_json_and_begins_a_prompt() -> None:
    tokenizer = tokenizer_from_json(DocumentTokenizer(ByteTokenizer(), 256).to_json())
    assert isinstance(tokenizer, DocumentTokenizer)
    assert (tokenizer.name, tokenizer.vocab_size) == ("bytes", 257)
    assert tokenizer.encode_prompt("é").tolist() == [256, 0xC3, 0xA9]
    assert tokenizer.encode_document("a").tolist() == [256, 97]
    assert tokenizer.decode([256, 0xC3, 0xA9, 256, 256, 97]) == f"{SHOWN_AS}é{SHOWN_AS * 2}a"
    for damaged in (-1, 257, "1", None):
        content = {"name": "bytes", "document_start": damaged}
        with pytest.raises(UserError, match="the stored tokenizer is damaged"):
            tokenizer_from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"documents": "apart"}, r"data\.documents=apart must be one of packed, separate"),
        (
            {"document_separator": "---", "documents": None},
            r"data\.document_separator='---' has no meaning without data\.documents",
        ),
        ({"document_separator": ""}, r"data\.document_separator is empty"),
        (
            {},
            r"data\.documents=packed needs 3 different documents or more, and data\.path has 1",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "one.txt"
    path.write_text("".join(TEXTS))
    with pytest.raises(UserError, match=message) as error:
        text_data(tmp_path, path, **changes).prepare()
    assert "\n" not in str(error.value)


def test_a_corpus_without_documents_says_so(tmp_path: Path) -> None:
    settings = {**SETTINGS, "cache_dir": str(tmp_path), "documents": "packed"}
    with pytest.raises(
        UserError, match=r"data\.documents=packed needs data that say where a document begins"
    ):
        Verses(**settings).prepare()
