"""Small settings of data of pairs, and a file of them."""

import random
from pathlib import Path
from typing import Any

WORDS = {
    "the": "der",
    "fan": "Ventilator",
    "is": "ist",
    "on": "an",
    "off": "aus",
    "light": "Licht",
    "no": "kein",
}


def pair_settings(cache_dir: Path, **changes: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "task": "translation",
        "bpe_vocab_size": 280,
        "vocab_size": None,
        "context_length": 64,
        "batch_size": 8,
        "eval_batch_size": 4,
        "label_smoothing": 0.1,
        "beam_size": 2,
        "length_penalty": 0.6,
        "num_workers": 0,
        "cache_dir": str(cache_dir),
    }
    return settings | changes


def write_pair_file(path: Path, *, n_lines: int = 300, seed: int = 0) -> Path:
    """Sentences of one to eight words, each word translated."""
    draw = random.Random(seed)
    sentences = [draw.choices(list(WORDS), k=draw.randint(1, 8)) for _ in range(n_lines)]
    lines = [f"{' '.join(words)}\t{' '.join(WORDS[word] for word in words)}" for words in sentences]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
