"""Folders of small translators with their own tokenizers, as their authors leave them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tests.data.pair_settings import WORDS
from tuneformer.models.hf.library import transformers

FAMILIES = ("t5", "marian", "bart")
ROOM = 3
"""Tokens that a model has room for and its tokenizer lacks."""
SENTENCES = [" ".join(WORDS), " ".join(WORDS.values())]


def write_translator(folder: Path, family: str, *, context_length: int = 64) -> Path:
    """Write a model with random weights of a seed, more tokens than its tokenizer has, and the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(folder, family)
    end, pad = _number(tokenizer, "</s>"), _number(tokenizer, "<pad>")
    n_tokens = tokenizer.get_vocab_size() + ROOM
    torch.manual_seed(7)
    model = _network(family, n_tokens, context_length, end=end, pad=pad)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)  # as drawn by the library every sentence has one translation
    model.save_pretrained(folder)
    return folder


def write_tokenizer(folder: Path, family: str, *, named: bool = True) -> Tokenizer:
    """Write tokenizer.json, with the name of the token that ends a sentence beside it."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    of_bytes = family == "bart"
    pieces = pre_tokenizers.ByteLevel(add_prefix_space=True) if of_bytes else pre_tokenizers.Metaspace()
    made.pre_tokenizer = pieces  # pyright: ignore[reportAttributeAccessIssue]
    made.decoder = decoders.ByteLevel() if of_bytes else decoders.Metaspace()  # pyright: ignore[reportAttributeAccessIssue]
    special = {"t5": ["<pad>", "</s>", "<unk>"], "marian": ["</s>", "<unk>"]}
    begin = special.get(family, ["<s>", "<pad>", "</s>", "<unk>"])
    made.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=60, special_tokens=begin, show_progress=False)
    )
    if family == "marian":
        made.add_special_tokens(["<pad>"])
    end = ("</s>", _number(made, "</s>"))
    made.post_processor = (  # pyright: ignore[reportAttributeAccessIssue]
        processors.RobertaProcessing(end, ("<s>", _number(made, "<s>")))
        if of_bytes
        else processors.TemplateProcessing(single="$A </s>", special_tokens=[end])
    )
    made.save(str(folder / "tokenizer.json"))
    if named:
        told = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
        (folder / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")
    return made


def of_library(folder: Path, sentences: Iterable[str]) -> Any:
    """What the library's own tokenizer makes of sentences, padded."""
    names = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    file = str(folder / "tokenizer.json")
    theirs: Any = transformers().PreTrainedTokenizerFast(tokenizer_file=file, **names)
    return theirs(list(sentences), padding=True, return_tensors="pt")


def _number(tokenizer: Tokenizer, token: str) -> int:
    number = tokenizer.token_to_id(token)
    assert number is not None
    return number


def _network(family: str, n_tokens: int, context_length: int, *, end: int, pad: int) -> Any:
    library = transformers()
    common = {"vocab_size": n_tokens, "d_model": 32, "eos_token_id": end, "pad_token_id": pad}
    if family == "t5":
        sizes = {"d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": pad}
        return library.T5ForConditionalGeneration(library.T5Config(**common, **sizes, dropout_rate=0.0))
    sides = {
        f"{side}_{name}": size
        for side in ("encoder", "decoder")
        for name, size in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 48))
    }
    common |= {
        **sides,
        "dropout": 0.0,
        "max_position_embeddings": context_length,
        "forced_eos_token_id": None,
    }
    if family == "marian":
        config = library.MarianConfig(**common, decoder_vocab_size=n_tokens, decoder_start_token_id=pad)
        return library.MarianMTModel(config)
    config = library.BartConfig(**common, bos_token_id=0, decoder_start_token_id=end)
    return library.BartForConditionalGeneration(config)
