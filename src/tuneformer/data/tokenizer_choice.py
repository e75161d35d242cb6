"""The tokenizer that a data option asks for, learnt from its training text."""

from collections.abc import Iterable

from tuneformer.data.bpe_tokenizer import BpeTokenizer
from tuneformer.data.tokenizers import ByteTokenizer, CharacterTokenizer, Tokenizer

TOKENIZERS = ("bytes", "characters", "bpe")


def train_tokenizer(name: str, texts: Iterable[str], *, bpe_vocab_size: int) -> Tokenizer:
    """The tokenizer of `data.tokenizer`; bytes need no text."""
    if name == "bpe":
        return BpeTokenizer.train(texts, vocab_size=bpe_vocab_size)
    return CharacterTokenizer.train(texts) if name == "characters" else ByteTokenizer()
