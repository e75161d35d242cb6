"""The tokenizers of translators: which token ends a sentence, and what is left of one."""

import json
from pathlib import Path

import pytest

from tests.data.pair_settings import pair_settings, write_pair_file
from tests.models.hf.translator_folders import FAMILIES, write_tokenizer
from tuneformer.data.corpora.pairs import Pairs
from tuneformer.data.tokenizers.kinds import names_of, read_tokenizer, tokenizer_from_json, tokenizer_of_pairs
from tuneformer.data.tokenizers.pair_tokenizer import PairTokenizer, end_of_sentence
from tuneformer.data.tokenizers.plain_tokenizers import ByteTokenizer
from tuneformer.errors import UserError

SENTENCE = "the fan is on"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_sentence_comes_back_and_its_end_is_the_folders(family: str, named: bool, tmp_path: Path) -> None:
    library = write_tokenizer(tmp_path, family, named=named)
    tokenizer = tokenizer_of_pairs(str(tmp_path), [], bpe_vocab_size=300)
    assert end_of_sentence(tokenizer) == library.token_to_id("</s>")
    tokens = tokenizer.encode(SENTENCE)
    assert [*tokens.tolist(), end_of_sentence(tokenizer)] == library.encode(SENTENCE).ids
    assert tokenizer.decode(tokens) == SENTENCE
    assert tokenizer.vocab_size == library.get_vocab_size()
    (tmp_path / "kept.json").write_text(tokenizer.to_json(), encoding="utf-8")
    again = read_tokenizer(tmp_path / "kept.json")
    assert again.name in names_of(str(tmp_path))
    assert end_of_sentence(again) == end_of_sentence(tokenizer)
    assert again.encode(SENTENCE).tolist() == tokens.tolist()


def test_what_is_learnt_has_its_end_behind_its_tokens() -> None:
    assert end_of_sentence(ByteTokenizer()) == 256
    assert tokenizer_of_pairs(None, ["ab ab"] * 9, bpe_vocab_size=257).name == "bpe"


def test_a_name_may_stand_in_the_older_file(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "bart", named=False)
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": {"content": "<pad>"}}', encoding="utf-8")
    assert PairTokenizer.read(str(tmp_path)).end_text == "<pad>"


def test_a_tokenizer_without_an_end_is_one_line(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "t5", named=False)
    file = tmp_path / "tokenizer.json"
    stored = json.loads(file.read_text(encoding="utf-8")) | {"post_processor": None}
    file.write_text(json.dumps(stored), encoding="utf-8")
    pairs = str(write_pair_file(tmp_path / "pairs.tsv"))
    data = Pairs(path=pairs, **pair_settings(tmp_path / "cache", tokenizer=str(tmp_path)))
    with pytest.raises(UserError, match=r"^data.tokenizer=\S+ has no token that ends a sentence: say which"):
        data.prepare()
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<end>"}', encoding="utf-8")
    with pytest.raises(UserError, match=r"^data.tokenizer=\S+ has no token '<end>', which is its eos_token$"):
        data.prepare()
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"^data.tokenizer=\S+ cannot be used: ") as told:
        data.prepare()
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match=r"^data.tokenizer=byte must be one of bytes, characters, bpe"):
        Pairs(path=pairs, **pair_settings(tmp_path / "cache", tokenizer="byte"))


def test_what_was_kept_and_is_damaged_is_told(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "t5")
    kept = json.loads(PairTokenizer.read(str(tmp_path)).to_json())
    for damaged in (kept | {"end": 10_000}, kept | {"end": "x"}, {**kept, "tokenizer": {}}):
        with pytest.raises(UserError, match="the stored tokenizer is damaged"):
            tokenizer_from_json(json.dumps(damaged))
