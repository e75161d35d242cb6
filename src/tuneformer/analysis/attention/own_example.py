"""An example of the user's own, as a model of transformers reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from tuneformer.analysis.attention.batch import MeasuredBatch, from_text
from tuneformer.analysis.attention.subject import Subject
from tuneformer.data.tokenizers.sentence_tokenizer import SentenceTokenizer
from tuneformer.errors import UserError, reason_of
from tuneformer.models.hf.image_classifier import HuggingFaceImageClassifier
from tuneformer.models.hf.translator import HuggingFaceTranslator
from tuneformer.runs.plain_files import read_json

PREPROCESSING = "preprocessor_config.json"
"""In a folder: how its model wants images."""
HALF = 0.5
"""Mean and deviation of pixels of a model that does not say them."""


@dataclass(frozen=True, kw_only=True)
class OwnExample:
    """What a model is to read.

    Attributes:
        text: of a model of text.
        target: what a model from text to text shall write; None: what it writes.
        image: a file, of a model of images.
    """

    text: str | None
    target: str | None
    image: Path | None


def read_example(subject: Subject, given: OwnExample) -> tuple[MeasuredBatch, list[str]]:
    """The example as its model is called with it, and what had to be done to it.

    Raises:
        UserError: the model reads something else, or the example cannot be read.
    """
    assert subject.run is not None
    model, path = subject.run.model, subject.path
    if given.target is not None and not isinstance(model, HuggingFaceTranslator):
        raise UserError(f"--target has no meaning for {path}: its model does not turn one text into another")
    if isinstance(model, HuggingFaceImageClassifier):
        if given.image is None:
            raise UserError(f"{path} reads images: give --image=FILE")
        return _of_image(model, given.image, path)
    if given.image is not None:
        raise UserError(f"{path} reads text: give --text=... in place of --image")
    assert given.text is not None
    if isinstance(model, HuggingFaceTranslator):
        return _of_pair(subject, model, given.text, given.target), []
    return from_text(subject, given.text)


def _of_pair(subject: Subject, model: HuggingFaceTranslator, text: str, target: str | None) -> MeasuredBatch:
    """A text and what is written to it; the target begins with the token that the model says."""
    tokenizer = cast(SentenceTokenizer, subject.kept_tokenizer)
    config = model.network.generation_config
    begin = config.decoder_start_token_id
    if not isinstance(begin, int):
        raise UserError(
            f"{subject.path} does not say which token a target begins with: decoder_start_token_id"
        )
    longest = int(subject.config["data"]["context_length"])
    source = _tokens(tokenizer, text, longest, what="--text")
    read = torch.from_numpy(source)[None]
    if target is None:
        written = model.written(read, at_most=min(2 * len(source) + 10, longest))
        origin = "the text given and what the model writes to it"
    else:
        written = _tokens(tokenizer, target, longest, what="--target").tolist()
        origin = "the text and the target given"
    return MeasuredBatch(
        inputs=(read, torch.ones_like(read, dtype=torch.bool), torch.tensor([[begin, *written[:-1]]])),
        targets=torch.tensor([written]),
        origin=origin,
    )


def _tokens(tokenizer: SentenceTokenizer, text: str, longest: int, *, what: str) -> np.ndarray:
    try:
        tokens = tokenizer.encode_in_language(text)
    except UserError as error:
        raise UserError(str(error).replace("--prompt", what)) from None
    if not 2 <= len(tokens) <= longest:
        raise UserError(f"{what} has {len(tokens)} tokens: give 2 to {longest}")
    return tokens


def _of_image(model: HuggingFaceImageClassifier, file: Path, folder: Path) -> tuple[MeasuredBatch, list[str]]:
    """An image, and the class that the model gives it."""
    config = model.network.config
    pixels = read_image(file, n_channels=config.num_channels, side=config.image_size)
    try:
        told: Any = read_json(folder / PREPROCESSING)
        notes = []
    except FileNotFoundError:
        told = {}
        notes = [
            f"{folder} holds no {PREPROCESSING}: pixels in [0, 1] have {HALF} taken off, and are doubled"
        ]
    except ValueError as error:
        raise UserError(f"{folder / PREPROCESSING} is damaged: {error}") from error
    try:
        mean, deviation = (
            torch.tensor(told.get(name, HALF), dtype=torch.float32).view(-1, 1, 1)
            for name in ("image_mean", "image_std")
        )
        images = ((pixels - mean) / deviation)[None]
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{folder / PREPROCESSING} is damaged: {reason_of(error)}") from error
    with torch.no_grad():
        answer = model(images).argmax(dim=-1)
    origin = f"the image given, as of class {int(answer)}, which the model gives it"
    return MeasuredBatch(inputs=(images,), targets=answer, origin=origin), notes


def read_image(file: Path, *, n_channels: int, side: int) -> Float[Tensor, "channels side side"]:
    """The pixels of a file in [0, 1], grey or with three colours, stretched to a square.

    Raises:
        UserError: there is no image in it, or the model reads neither one channel nor three.
    """
    from matplotlib.image import imread

    if n_channels not in (1, 3):
        raise UserError(f"--image={file} has no {n_channels} channels, which the model reads")
    try:
        read = np.array(imread(file))
    except (OSError, ValueError, SyntaxError) as error:  # of its readers of many formats
        raise UserError(f"--image={file} cannot be read: {reason_of(error)}") from error
    scale = 255.0 if read.dtype == np.uint8 else 1.0
    pixels = torch.from_numpy(read.astype(np.float32) / scale)
    pixels = (pixels[..., None] if pixels.dim() == 2 else pixels[..., :3]).permute(2, 0, 1)
    pixels = pixels if len(pixels) == n_channels else pixels.mean(dim=0, keepdim=True)
    pixels = pixels.expand(n_channels, -1, -1)[None]
    return F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)[0].clamp(0, 1)
