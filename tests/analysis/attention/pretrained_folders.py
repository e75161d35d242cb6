"""Folders as transformers writes them: tiny models with random weights, and tokenizers of a few words."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from tuneformer.models.hf.library import transformers

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "__en__", "__fr__")
"""Numbers 0 to 5."""
WORDS = ("the", "cat", "sat", "on", "a", "mat", "le", "chat", "dort")
VOCABULARY = 20
TEXT = "the cat sat on the mat"
WIDTHS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
BERT = WIDTHS | {"vocab_size": VOCABULARY, "max_position_embeddings": 16}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "vocab_size": VOCABULARY}
T5 |= {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0}
SIDES = {"encoder": 2, "decoder": 2}
M2M = {f"{side}_layers": 2 for side in SIDES} | {f"{side}_attention_heads": 4 for side in SIDES}
M2M |= {f"{side}_ffn_dim": 48 for side in SIDES} | {"d_model": 32, "vocab_size": VOCABULARY}
M2M |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
VIT = WIDTHS | {"image_size": 16, "patch_size": 4, "num_channels": 3, "num_labels": 3}


def save_model(folder: Path, name: str, **sizes: Any) -> Any:
    """A model of a class of the library, with weights drawn from a seed; it is returned in float64."""
    made = getattr(transformers(), name)
    torch.manual_seed(7)
    model = made(made.config_class(**sizes))
    model.save_pretrained(folder)
    return model.double().eval()


def save_tokenizer(folder: Path, before: Sequence[str] = (), behind: Sequence[str] = ("</s>",)) -> None:
    """Words between spaces, with these special ones before and behind a text."""
    words = (*SPECIAL, *WORDS)
    made = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    made.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
    made.pre_tokenizer = WhitespaceSplit()
    marks = [(word, SPECIAL.index(word)) for word in (*before, *behind)]
    made.post_processor = TemplateProcessing(single=" ".join((*before, "$A", *behind)), special_tokens=marks)
    made.save(str(folder / "tokenizer.json"))


def save_image(file: Path, folder: Path) -> np.ndarray:
    """A picture of random pixels, 16 x 16 with three colours, and how its model wants it: (3, 16, 16)."""
    from matplotlib.image import imsave

    pixels = np.random.default_rng(3).integers(256, size=(16, 16, 3), dtype=np.uint8)
    imsave(file, pixels)
    mean, deviation = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    told = {"image_mean": mean, "image_std": deviation}
    (folder / "preprocessor_config.json").write_text(json.dumps(told), encoding="utf-8")
    return ((pixels / 255 - mean) / deviation).transpose(2, 0, 1)
