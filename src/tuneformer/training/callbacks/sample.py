"""A sample of what the model writes, once it has been trained."""

from pathlib import Path
from typing import cast

import pytorch_lightning as pl
import torch
from torch import nn

from tuneformer.errors import UserError
from tuneformer.inference.generation import generate
from tuneformer.models.finite_weights import NotFiniteError
from tuneformer.process.terminal import say
from tuneformer.runs.files import write_text
from tuneformer.tasks.base import Task
from tuneformer.training.callbacks.boards import boards_of
from tuneformer.training.callbacks.probe_batch import is_sharded

SEED = 0


class TextSample(pl.Callback):
    """Writes sample.txt beside the run when training ends; always from the same random numbers.

    Of a task whose model does not continue text there is none, nor of weights that are not finite.

    Raises:
        UserError: there is nothing to continue.
    """

    def __init__(self, *, prompt: str, n_tokens: int, temperature: float, top_k: int | None) -> None:
        if not prompt:
            raise UserError("callbacks.sample.prompt is empty: give at least one character to continue")
        self.prompt = prompt
        self.n_tokens = n_tokens
        self.temperature = temperature
        self.top_k = top_k
        self._context_length: int | None = None

    def begin(self, task: Task, *, context_length: int | None) -> None:
        """Raise UserError for a prompt that the run's tokenizer cannot tell; white space always passes.

        Args:
            task: of the run.
            context_length: the tokens of a text that its model trains on.
        """
        self._context_length = context_length
        prompt = self.prompt.strip()
        if task.tokenizer is not None and prompt:
            try:
                task.tokenizer.encode_prompt(prompt)
            except UserError as error:
                raise UserError(str(error).replace("--prompt", "callbacks.sample.prompt", 1)) from error

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        task = cast(Task, pl_module)
        tokenizer = task.tokenizer
        # where the weights are spread over devices all of them must take part; they draw the same numbers
        if tokenizer is None or not (trainer.is_global_zero or is_sharded(task)):
            return
        prompt = torch.as_tensor(tokenizer.encode(self.prompt)).long()
        generator = torch.Generator().manual_seed(SEED)
        # a compiled model would be compiled anew for each length
        with torch.compiler.set_stance("force_eager"):
            try:
                written = [
                    *generate(
                        cast(nn.Module, task.model),
                        prompt,
                        context_length=self._context_length,
                        n_tokens=self.n_tokens,
                        temperature=self.temperature,
                        top_k=self.top_k,
                        generator=generator,
                    )
                ]
            except NotFiniteError as error:
                say(f"no sample: {error}")
                return
        if not trainer.is_global_zero:
            return
        text = tokenizer.decode(written).strip("\n") + "\n"
        write_text(Path(trainer.default_root_dir) / "sample.txt", text)
        for board in boards_of(trainer):
            board.log_sheet("sample", ("prompt", "text"), [(self.prompt, text)])
