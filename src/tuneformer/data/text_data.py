"""What every text corpus shares: the way from text to token files."""

import hashlib
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path

from tuneformer.data.corpus_text import CorpusText, cut_validation, hash_text
from tuneformer.data.token_cache import TokenCache, content_hash
from tuneformer.data.token_data import TokenData
from tuneformer.data.token_files import TokenFile, TokenSplits, load_token_splits, write_token_splits
from tuneformer.data.tokenizer_choice import train_tokenizer


class TextData(TokenData):
    """A text corpus with its settings, as in conf/data/: split, hashed and tokenised as a whole."""

    @abstractmethod
    def source(self) -> object:
        """What the text is read from, as JSON types: quick to tell, and other when the text may be other."""

    @abstractmethod
    def read(self) -> CorpusText:
        """The text of the three splits."""

    def prepare(self) -> TokenSplits[TokenFile]:
        """Fetch, split and tokenise the corpus, or find what was prepared before.

        Token files are kept under `cache_dir` by the hash of the text, the tokenizer's settings and the
        code of this package; an unchanged source is not read again. Two processes may prepare at once.

        Raises:
            UserError: the text cannot be had, is too short for `context_length`, does not give
                `vocab_size` tokens, or the cache cannot be written.
        """
        cache = TokenCache(self.cache_dir, folder="tokens", load=load_token_splits)
        settings = [code_digest(), self.tokenizer, self.max_validation_bytes]
        if self.tokenizer == "bpe":
            settings.append(self.bpe_vocab_size)
        source = content_hash(type(self).__qualname__, self.source(), settings)
        splits = cache.find_source(source)
        if splits is None:
            splits = self._tokenise(cache, source, settings)
        self.check(splits)
        return splits

    def _tokenise(
        self, cache: TokenCache[TokenSplits[TokenFile]], source: str, settings: list
    ) -> TokenSplits[TokenFile]:
        text = cut_validation(self.read(), max_bytes=self.max_validation_bytes)
        hashes = {name: hash_text(pieces) for name, pieces in text.splits.items()}
        content = content_hash(hashes, text.notes, settings)
        splits = cache.find_content(content)
        if splits is None:
            tokenizer = train_tokenizer(self.tokenizer, text.train, bpe_vocab_size=self.bpe_vocab_size)
            if tokenizer.name == "bpe" and tokenizer.vocab_size < self.bpe_vocab_size:
                found = f"the text gives {tokenizer.vocab_size} tokens"
                note = f"{found} of data.bpe_vocab_size={self.bpe_vocab_size}"
                text = replace(text, notes=(*text.notes, note))
            splits = cache.build(content, lambda folder: write_token_splits(folder, tokenizer, text, hashes))
        cache.remember(source, content)
        return splits


def code_digest() -> str:
    """SHA-256 of the code of this package."""
    # a corpus or tokenizer whose code has changed may give other tokens from the same source
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
