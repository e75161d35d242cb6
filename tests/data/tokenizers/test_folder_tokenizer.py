"""The tokenizer of a folder gives the library's tokens, and knows the bytes of each."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import tuneformer
from tuneformer.data.tokenizers.folder_tokenizer import FolderTokenizer
from tuneformer.data.tokenizers.kinds import tokenizer_from_json
from tuneformer.errors import UserError
from tuneformer.inference.evaluation import prepare_again
from tuneformer.inference.exporting import export

TEXT = "the quick brown fox — naïve, été\n日本 jumps over the lazy dog\n\n  and sleeps on\n" * 8
END = "<|end|>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One of byte-level pieces with a special token, a folder of its own."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    made.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        [TEXT],
        trainers.BpeTrainer(
            vocab_size=300, initial_alphabet=alphabet, special_tokens=[END], show_progress=False
        ),
    )
    (tmp_path / "theirs").mkdir()
    made.save(str(tmp_path / "theirs" / "tokenizer.json"))
    return tmp_path / "theirs"


def test_tokens_are_the_librarys_and_their_bytes_are_those_of_the_text(folder: Path) -> None:
    library, ours = Tokenizer.from_file(str(folder / "tokenizer.json")), FolderTokenizer.read(str(folder))
    text = f"{TEXT}{END}the end"
    tokens = ours.encode(text)
    assert tokens.tolist() == library.encode(text, add_special_tokens=False).ids
    assert ours.byte_lengths[tokens].sum() == len(text.encode())
    assert ours.decode(tokens) == text
    assert ours.decode([*tokens, 10_000]) == text
    assert np.concatenate([*ours.encode_corpus([TEXT] * 3)]).tolist() == ours.encode(TEXT * 3).tolist()
    again = tokenizer_from_json(ours.to_json())
    assert again.encode(text).tolist() == tokens.tolist()


def test_a_run_trains_with_it_and_needs_the_folder_no_more(
    folder: Path, small_settings: list[str], tmp_path: Path
) -> None:
    settings = [*small_settings, f"data.tokenizer={folder}", f"data.cache_dir={tmp_path / 'cache'}"]
    run = tuneformer.train([*settings, "trainer.max_steps=1", "run_dir=run"])
    assert run.config["model"]["vocab_size"] == FolderTokenizer.read(str(folder)).vocab_size
    final = run.record.final
    held_out = prepare_again(run)[1].splits["validation"]  # pyright: ignore[reportAttributeAccessIssue]
    first = len(run.tokenizer.decode(held_out.open()[:1]).encode())
    tokens_a_byte = (held_out.n_tokens - 1) / (held_out.n_bytes - first)
    expected = final["val/loss"] * tokens_a_byte / math.log(2)
    assert final["val/bits_per_byte"] == pytest.approx(expected, rel=1e-6)

    told = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").unlink()
    loaded = tuneformer.load_run("run")
    assert loaded.tokenizer.decode(loaded.tokenizer.encode(TEXT)) == TEXT
    assert export(loaded, tmp_path / "exported")[1] == "its tokenizer: tokenizer.json"
    written = (tmp_path / "exported" / "tokenizer.json").read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(told)


def test_what_cannot_be_used_is_one_line(folder: Path, small_settings: list[str]) -> None:
    file = folder / "tokenizer.json"
    stored = json.loads(file.read_text(encoding="utf-8"))
    lowercase = json.loads(normalizers.Lowercase().__getstate__())
    for change, message in (
        ({"normalizer": lowercase}, r"its normalizer Lowercase changes the text"),
        ({"decoder": None}, r"its tokens are no bytes of the text: only byte-level ones"),
        ({"added_tokens": [{"id": 10**9, "content": "x"}]}, r"its tokens are not numbered from 0 on"),
        ({"model": {}}, r"data.tokenizer=\S+ cannot be used"),
    ):
        file.write_text(json.dumps(stored | change), encoding="utf-8")
        with pytest.raises(UserError, match=message) as told:
            tuneformer.train([*small_settings, f"data.tokenizer={folder}", "run_dir=run"])
        assert "\n" not in str(told.value)
    file.unlink()
    with pytest.raises(UserError, match=r"data.tokenizer=\S+ holds no tokenizer.json"):
        tuneformer.train([*small_settings, f"data.tokenizer={folder}", "run_dir=run"])
    (folder / "spiece.model").write_bytes(b"pieces")
    with pytest.raises(UserError, match=r"holds no tokenizer.json, only spiece.model: AutoTokenizer of"):
        tuneformer.train([*small_settings, f"data.tokenizer={folder}", "run_dir=run"])
    with pytest.raises(UserError, match=r"data.tokenizer=byte must be one of bytes, characters, bpe \(did"):
        tuneformer.train([*small_settings, "data.tokenizer=byte", "run_dir=run"])
