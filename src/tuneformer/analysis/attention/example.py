"""The example whose maps are shown: what stands along rows and columns, and what follows each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tuneformer.analysis.attention.subject import Subject
from tuneformer.analysis.attention.token_text import TokenTexts
from tuneformer.models.hf.architecture import PATCH as PATCH_SIDE

CLASS_TOKEN = "[class]"
BEGIN = "[begin]"
PATCH = "patch {row},{column}"

ModelInputs = tuple[Tensor | None, ...]


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Along the maps of one stack.

    Attributes:
        queries: the text of each row.
        keys: the text of each column.
        following: the text that follows each row, which a causal stack predicts there; None in others.
    """

    queries: tuple[str, ...]
    keys: tuple[str, ...]
    following: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a vision model looked at.

    Attributes:
        pixels: (channel, height, width).
        patch_size: pixels of the side of a patch; patches go row by row.
        class_token: whether a learned token stands before the patches.
    """

    pixels: NDArray[np.float32]
    patch_size: int
    class_token: bool


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example, without its padding.

    Attributes:
        axes: by stack.
        image: where the example is one.
    """

    axes: Mapping[str, Axes]
    image: Image | None = field(default=None)


def describe(
    subject: Subject, inputs: Sequence[NDArray[Any] | None], targets: NDArray[Any] | None = None
) -> Example:
    """What the inputs of a model, for one example, are called on the page.

    `targets`: what it shall answer, where that is known.
    """
    model = subject.config["model"]
    kinds = subject.task_facts.inputs
    if kinds == ("numbers",):
        vectors = np.asarray(inputs[0], dtype=np.float32)
        if vectors.ndim == 4:
            return _of_image(vectors[0], subject)
        names = tuple(f"vector {place}" for place in range(vectors.shape[1]))
        return Example(axes={"decoder": Axes(queries=names, keys=names, following=(*names[1:], ""))})
    texts = TokenTexts(subject.kept_tokenizer)
    if kinds == ("tokens", "visible", "tokens"):
        return _of_pair(texts, inputs, targets)
    tokens = np.asarray(inputs[0])[0]
    if kinds == ("tokens", "visible"):
        visible = inputs[1]
        length = len(tokens) if visible is None else int(visible[0].sum())
        names = texts.all(tokens[:length])
        with_class = (CLASS_TOKEN, *names) if _has_class_token(model) else names
        pooling = Axes(queries=(CLASS_TOKEN,), keys=with_class)
        return Example(axes={"encoder": Axes(queries=with_class, keys=with_class), "pooling": pooling})
    names = texts.all(tokens)
    return Example(axes={"decoder": Axes(queries=names, keys=names, following=(*names[1:], ""))})


def _has_class_token(model: Mapping[str, Any]) -> bool:
    """Whether a learned token stands first: in a model of transformers, where weights were drawn."""
    return model.get("pooling") == "first" or ("gguf_file" in model and model["path"] is None)


def _of_image(pixels: NDArray[np.float32], subject: Subject) -> Example:
    model = subject.config["model"]
    of_library = "gguf_file" in model
    size = int(model["keys"].get("patch_size", PATCH_SIDE) if of_library else model["patch_size"])
    if of_library and subject.run is not None:  # a folder has its own
        size = int(subject.run.model.patch_size)  # pyright: ignore[reportArgumentType]
    side = pixels.shape[-1] // size
    patches = [PATCH.format(row=i // side + 1, column=i % side + 1) for i in range(side * side)]
    with_class = of_library or model.get("pooling") == "first"
    names = (CLASS_TOKEN, *patches) if with_class else tuple(patches)
    return Example(
        axes={
            "encoder": Axes(queries=names, keys=names),
            "pooling": Axes(queries=(CLASS_TOKEN,), keys=names),
        },
        image=Image(pixels=pixels, patch_size=size, class_token=with_class),
    )


def _of_pair(
    texts: TokenTexts, inputs: Sequence[NDArray[Any] | None], targets: NDArray[Any] | None
) -> Example:
    source, visible, target = (np.asarray(x)[0] for x in inputs)
    source = source[: int(visible.sum())]
    # the target begins with a boundary, and ends before those that it is padded with
    written = np.flatnonzero(target[1:] != target[0])
    target = target[: int(written[-1]) + 2 if len(written) else 1]
    read, said = texts.all(source), (BEGIN, *texts.all(target[1:]))
    last = target[0] if targets is None else targets[0][len(target) - 1]
    following = (*said[1:], texts.text(int(last)))
    return Example(
        axes={
            "encoder": Axes(queries=read, keys=read),
            "decoder": Axes(queries=said, keys=said, following=following),
            "cross": Axes(queries=said, keys=read, following=following),
        }
    )
