"""What all data of tokens in files share: settings and their checks, and windows as batches."""

from pathlib import Path
from typing import TYPE_CHECKING

from tuneformer.config.suggestions import one_of
from tuneformer.data.bpe_tokenizer import check_bpe_vocab_size
from tuneformer.data.contract import Data
from tuneformer.data.corpus_text import check_context_fits
from tuneformer.data.settings import whole_number
from tuneformer.data.token_files import TokenSplits
from tuneformer.data.tokenizer_choice import TOKENIZERS
from tuneformer.errors import UserError

if TYPE_CHECKING:
    from tuneformer.data.datamodule import TextDataModule

TASKS = ("language_modelling",)


class TokenData(Data[TokenSplits]):
    """Text as tokens, to be read in windows.

    Raises:
        UserError: a setting is not allowed.
    """

    def __init__(
        self,
        *,
        task: str,
        tokenizer: str,
        bpe_vocab_size: int,
        vocab_size: int | None,
        context_length: int,
        batch_size: int,
        eval_batch_size: int,
        max_validation_bytes: int,
        num_workers: int,
        cache_dir: str,
    ) -> None:
        self.task = one_of("data.task", task, TASKS)
        self.tokenizer = one_of("data.tokenizer", tokenizer, TOKENIZERS)
        self.bpe_vocab_size = whole_number("data.bpe_vocab_size", bpe_vocab_size, at_least=1)
        if tokenizer == "bpe":
            check_bpe_vocab_size(bpe_vocab_size)
        self.vocab_size = vocab_size
        self.context_length = whole_number("data.context_length", context_length, at_least=1)
        self.batch_size = whole_number("data.batch_size", batch_size, at_least=1)
        self.eval_batch_size = whole_number("data.eval_batch_size", eval_batch_size, at_least=1)
        self.max_validation_bytes = whole_number(
            "data.max_validation_bytes", max_validation_bytes, at_least=1
        )
        self.num_workers = whole_number("data.num_workers", num_workers, at_least=0)
        self.cache_dir = Path(cache_dir).expanduser()

    @property
    def unit(self) -> str:
        return "tokens"

    @property
    def units_per_step(self) -> int:
        return self.batch_size * self.context_length

    def batches(self, prepared: TokenSplits, *, seed: int) -> "TextDataModule":
        from tuneformer.data.datamodule import TextDataModule

        return TextDataModule(
            splits=prepared,
            context_length=self.context_length,
            batch_size=self.batch_size,
            eval_batch_size=self.eval_batch_size,
            num_workers=self.num_workers,
            seed=seed,
        )

    def check(self, splits: TokenSplits) -> None:
        """Raises UserError where the tokens do not go with the settings."""
        for name, tokens in splits.splits.items():
            check_context_fits(self.context_length, tokens.n_tokens, name)
        found = splits.tokenizer.vocab_size
        if self.vocab_size not in (None, found):
            raise UserError(
                f"data.vocab_size={self.vocab_size} is not what the text and tokenizer give ({found}): "
                "leave it null"
            )
