"""A model of transformers that no run of ours has trained, as something to look at."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import Progress

from tuneformer.analysis.attention.analysis import AttentionAnalysis, analyse_batch
from tuneformer.analysis.attention.own_example import OwnExample, read_example
from tuneformer.analysis.attention.subject import Subject
from tuneformer.data.images.base import IMAGE_CLASSIFICATION
from tuneformer.data.languages.language_id import TEXT_CLASSIFICATION
from tuneformer.data.pairs.pairs_data import TRANSLATION
from tuneformer.data.task_facts import TaskFacts
from tuneformer.data.text.text_data import LANGUAGE_MODELLING
from tuneformer.data.tokenizers.folder_tokenizer import FILE, FolderTokenizer
from tuneformer.data.tokenizers.sentence_tokenizer import SentenceTokenizer
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.errors import UserError, reason_of
from tuneformer.inference.loading import Run
from tuneformer.models.finite_weights import check_finite_weights
from tuneformer.models.hf.architecture import read_gguf
from tuneformer.models.hf.causal import HuggingFaceDecoder
from tuneformer.models.hf.encoder import HuggingFaceEncoder
from tuneformer.models.hf.image_classifier import HuggingFaceImageClassifier
from tuneformer.models.hf.kinds import CAUSAL, ENCODER, ENCODING, IMAGE_CLASSIFIER, TRANSLATOR, ModelKind
from tuneformer.models.hf.library import transformers
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.hf.source import IN_STAGES, ModelSource
from tuneformer.models.hf.translator import HuggingFaceTranslator
from tuneformer.runs.record import RunRecord

POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")
"""What the architectures call the longest text that they read."""
GGUF = ".gguf"
LONGEST = 1024
"""Of a model that does not say how long."""
WAYS: Mapping[ModelKind, tuple[type[HuggingFaceModel], TaskFacts]] = {
    CAUSAL: (HuggingFaceDecoder, LANGUAGE_MODELLING),
    ENCODER: (HuggingFaceEncoder, replace(TEXT_CLASSIFICATION, name=ENCODING)),
    TRANSLATOR: (HuggingFaceTranslator, TRANSLATION),
    IMAGE_CLASSIFIER: (HuggingFaceImageClassifier, IMAGE_CLASSIFICATION),
}
"""What stands for a model that is looked at, and what it is called with, by what it is."""


@dataclass(frozen=True, kw_only=True)
class PretrainedSubject(Subject):
    """A model of a folder, in place of a run."""

    facts: TaskFacts

    @property
    def task(self) -> str:
        return self.facts.name

    @property
    def task_facts(self) -> TaskFacts:
        return self.facts


def analyse_pretrained(path: Path, given: OwnExample, *, progress: Progress) -> AttentionAnalysis:
    """Look at the model of a folder with an example of the user's own.

    Raises:
        UserError: the folder holds none, its attention cannot be seen, or it does not read the example.
    """
    if not path.is_dir() and path.suffix != GGUF:
        raise UserError(f"--model={path} is no folder, and no GGUF file")
    try:
        subject = read_pretrained(path)
    except UserError as error:  # said as of training
        told = str(error).replace("model.path=", "--model=").replace("data.tokenizer=", "--model=")
        raise UserError(told) from error
    batch, notes = read_example(subject, given)
    return analyse_batch(subject, [], batch, notes, progress=progress)


def read_pretrained(path: Path) -> PretrainedSubject:
    """The model and the tokenizer of a folder, or of a GGUF file.

    Raises:
        UserError: it holds none, or there is nothing to look at: its attention cannot be seen.
    """
    folder, gguf_file = (path.parent, path.name) if path.suffix == GGUF else (path, None)
    source = ModelSource.of(config=None, path=str(folder), gguf_file=gguf_file)
    assert source is not None
    architecture = read_gguf(source).to_dict() if source.is_gguf else source.settings
    cannot = f"{path} has no attention that can be looked at: its model is {architecture['model_type']}"
    if architecture["model_type"] in IN_STAGES:
        raise UserError(cannot)
    kind = _kind_of(architecture, path)
    made, facts = WAYS[kind]
    tokenizer = _tokenizer_of(kind, source)
    settings = _settings_of(architecture, kind, path) | {"path": str(folder), "gguf_file": gguf_file}
    model = made(settings=HuggingFaceSettings(**settings)).eval()
    if not any(model.watchers):
        raise UserError(cannot)
    check_finite_weights(model, of=str(path))
    told = {name: settings[name] for name in ("path", "gguf_file", "keys")}
    config = {
        "model": {"_target_": type(model).__name__, "vocab_size": model.vocab_size, **told},
        "data": {"context_length": model.context_length},
    }
    nothing = {"status": "finished", "config_hash": "", "started": "", "restarts": 0, "steps": 0}
    record = RunRecord(**nothing, wall_seconds=0.0, metrics={"best": {}, "final": {}}, data={})
    run = Run(
        path=path,
        config=config,
        record=record,
        metrics={},
        model=model,
        kept_tokenizer=tokenizer,
        step=0,
    )
    return PretrainedSubject(
        path=path, config=config, metrics={}, kept_tokenizer=tokenizer, run=run, facts=facts
    )


def _kind_of(told: Mapping[str, Any], path: Path) -> ModelKind:
    """What a model is, by its configuration and the library's tables."""
    library = transformers()
    name, known = told["model_type"], library.models.auto.modeling_auto
    if name not in library.CONFIG_MAPPING:
        return CAUSAL  # what builds it says what is wrong
    has_both = told.get("is_encoder_decoder", library.CONFIG_MAPPING[name]().is_encoder_decoder)
    fits = {
        TRANSLATOR: has_both,
        IMAGE_CLASSIFIER: True,
        ENCODER: not has_both and not told.get("is_decoder", False),
        CAUSAL: not has_both,
    }
    for kind, fitting in fits.items():
        if fitting and name in getattr(known, kind.mapping):
            return kind
    allowed = " and ".join(f"a {kind.what}" for kind in fits)
    raise UserError(f"{path} cannot be looked at: its model is {name}, and what can is {allowed}")


def _tokenizer_of(kind: ModelKind, source: ModelSource) -> Tokenizer | None:
    if kind is IMAGE_CLASSIFIER:
        return None
    folder = source.file.parent
    if source.is_gguf and not (folder / FILE).exists():
        return _tokenizer_in(source.file)
    if kind is CAUSAL:
        with suppress(UserError):
            return FolderTokenizer.read(str(folder))
    return SentenceTokenizer.read(str(folder))  # of any pieces, as it marks the ends of a text


def _tokenizer_in(file: Path) -> Tokenizer:
    """The tokenizer that a GGUF file holds, as the library reads it."""
    try:
        read = transformers().AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        stored = json.loads(read.backend_tokenizer.to_str())
    except Exception as error:  # whatever a file of somebody else brings the library to
        raise UserError(f"{file} holds no tokenizer that can be read: {reason_of(error)}") from error
    with suppress(ValueError):
        return FolderTokenizer(stored)
    return SentenceTokenizer(stored)


def _settings_of(told: Mapping[str, Any], kind: ModelKind, path: Path) -> dict[str, Any]:
    room = next((told[name] for name in POSITIONS if isinstance(told.get(name), int)), LONGEST)
    chosen: dict[str, Any] = {
        **dict.fromkeys(("config", "digest", "size", "d_ff", "n_layers", "n_heads", "d_model")),
        "dropout": 0.0,
        "keys": {},
        "vocab_size": 1,
        "context_length": room,
        "task": WAYS[kind][1].name,
    }
    if kind is IMAGE_CLASSIFIER:
        usual = transformers().CONFIG_MAPPING[told["model_type"]]()
        names = {"image_size": "image_size", "n_channels": "num_channels"}
        sizes = {ours: told.get(theirs, getattr(usual, theirs, None)) for ours, theirs in names.items()}
        if not all(isinstance(size, int) for size in sizes.values()):
            raise UserError(f"{path} cannot be looked at: its images are no squares of one size")
        chosen |= sizes | {"n_classes": max(1, len(told.get("id2label", "ab")))}
    return chosen
