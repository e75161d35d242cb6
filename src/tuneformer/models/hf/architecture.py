"""From settings to a configuration of transformers."""

import json
from pathlib import Path
from typing import Any

from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError, reason_of
from tuneformer.models.hf.kinds import (
    CAUSAL,
    IMAGE_CLASSIFIER,
    KINDS,
    TEXT_CLASSIFIER,
    TRANSLATOR,
    ModelKind,
)
from tuneformer.models.hf.library import refusal, transformers
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.hf.source import IN_STAGES, ModelSource, names_file

NOT_OF_THE_MODEL = (
    "_name_or_path",
    "architectures",
    "auto_map",
    "dtype",
    "id2label",
    "label2id",
    "model_type",
    "problem_type",
    "quantization_config",
    "torch_dtype",
    "transformers_weights",
    "transformers_version",
)
"""What a config.json says of files and code, none of which is asked for."""
DROPOUTS = ("dropout", "pdrop", "dropout_prob")
MORE_DROPOUTS = ("dropout_rate",)
"""The same of those that are no causal language models."""
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
START = "decoder_start_token_id"
"""What a decoder behind an encoder reads first; not every architecture has it as a setting of its own."""
IN_PROPORTION = {
    "intermediate_size": "hidden_size",
    "ffn_dim": "hidden_size",
    "num_key_value_heads": "num_attention_heads",
}
"""What an architecture has in proportion to its width or its heads, where it says so at all."""
FEED_FORWARD = ("hidden_dim", "d_ff", "encoder_ffn_dim")
"""What others that are no causal language models call the width of their feed-forward layers."""
MORE_IN_PROPORTION = dict.fromkeys((*FEED_FORWARD, "embedding_size"), "hidden_size")
OF_THE_DECODER = {
    "decoder_layers": "num_hidden_layers",
    "decoder_attention_heads": "num_attention_heads",
    "decoder_ffn_dim": "encoder_ffn_dim",
}
"""What the decoder behind an encoder has like it."""
PADDING, CLASS_TOKEN = 0, 1
PATCH = 4
"""The side of a patch, unless `model.keys.patch_size` says another."""
OWN_TOKENS = 2
"""Padding and the class token, which a classifier with weights of its own has before those of the data."""
NUMBER_BY_PADDING = ("m2m_100",)
"""Translators whose positions begin behind the number of padding: they get one that the data do not have."""
MULTIPLE = 8


def architecture_of(settings: HuggingFaceSettings) -> Any:
    """The configuration of the model that the settings describe.

    Raises:
        UserError: the library has no such architecture, or refuses a setting of it.
    """
    if settings.path is not None:
        return _of_weights(settings)
    assert settings.config is not None
    if not names_file(settings.config):
        _check_known(settings.config, settings.kind)
        return _of_name(settings.config, settings)
    source = ModelSource.of(config=settings.config, path=None, gguf_file=None)
    assert source is not None
    told = {name: value for name, value in source.settings.items() if name not in NOT_OF_THE_MODEL}
    name = source.settings["model_type"]
    _check_known(name, settings.kind)
    sizes = _sizes(settings, name)
    return _make(name, told | sizes | _of_data(settings, name), settings)


def told_architecture(config: Any) -> dict[str, Any]:
    """What makes the same configuration again, as JSON has it."""
    told, known = config.to_dict(), _known_keys(config.model_type)
    kept = {key: value for key, value in told.items() if key in known and key not in NOT_OF_THE_MODEL}
    return json.loads(json.dumps({"model_type": config.model_type} | kept, default=str))


def _of_weights(settings: HuggingFaceSettings) -> Any:
    source = ModelSource.of(config=None, path=settings.path, gguf_file=settings.gguf_file)
    assert source is not None
    if source.is_gguf:
        config = read_gguf(source)
        told, name = config.to_dict(), config.model_type
    else:
        told, name = source.settings, source.settings["model_type"]
    _check_known(name, settings.kind, of=f"{settings.asked}: model_type")
    told = {key: value for key, value in told.items() if key not in NOT_OF_THE_MODEL}
    if settings.n_layers is not None:  # fewer, where only memory is counted
        told |= {_own_name(name, "num_hidden_layers"): settings.n_layers}
    made = _make(name, told, settings)
    _check_room(made, settings, source.file.parent)
    return made


def read_gguf(source: ModelSource) -> Any:
    """The configuration that a GGUF file holds; UserError where it cannot be read."""
    try:
        return transformers().AutoConfig.from_pretrained(source.file.parent, gguf_file=source.file.name)
    except ImportError:
        raise UserError("model.gguf_file needs the package gguf: pip install 'tuneformer[hf]'") from None
    except Exception as error:
        raise UserError(f"model.gguf_file={source.file.name} cannot be read: {reason_of(error)}") from error


def _check_room(made: Any, settings: HuggingFaceSettings, folder: Path) -> None:
    """Raises UserError where the data have more tokens, or longer texts, than the weights know."""
    if settings.kind is IMAGE_CLASSIFIER:
        for name, asked in (("image_size", settings.image_size), ("num_channels", settings.n_channels)):
            if (there := getattr(made, name, asked)) != asked:
                raise UserError(f"{settings.asked} reads {name}={there}, and the data have {asked}")
        return
    if settings.n_tokens > made.vocab_size:
        raise UserError(
            f"data.vocab_size={settings.n_tokens} is more than the {made.vocab_size} tokens that"
            f" model.path={settings.path} knows: choose a tokenizer of at most so many, its own is"
            f" data.tokenizer={folder}"
        )
    room = getattr(made, "max_position_embeddings", None)
    if isinstance(room, int) and settings.longest > room:
        raise UserError(
            f"data.context_length={settings.longest} must be at most {room}, the positions that"
            f" model.path={settings.path} has"
        )


def _of_name(name: str, settings: HuggingFaceSettings) -> Any:
    if name in IN_STAGES:
        return _make(name, _of_data(settings, name), settings)
    given = _sizes(settings, name) | _of_data(settings, name)
    usual = _usual(name)
    more = {} if settings.kind is CAUSAL else MORE_IN_PROPORTION
    for inside, around in (IN_PROPORTION | more).items():
        own, whole = getattr(usual, inside, None), getattr(usual, around, None)
        if isinstance(own, int) and isinstance(whole, int) and inside not in _aliases(name):
            exact = own / whole * given[_own_name(name, around)]
            size = max(1, round(exact))
            given.setdefault(inside, -(-size // MULTIPLE) * MULTIPLE if around == "hidden_size" else size)
    has_own = settings.kind is not CAUSAL and "head_dim" in _aliases(name)
    if has_own or isinstance(
        usual.to_dict().get("head_dim"), int
    ):  # no property that follows from the others
        width, heads = (given[_own_name(name, each)] for each in ("hidden_size", "num_attention_heads"))
        given.setdefault(_own_name(name, "head_dim") if has_own else "head_dim", width // heads)
    if settings.kind is TRANSLATOR:
        for decoder, encoder in OF_THE_DECODER.items():
            if hasattr(usual, decoder) and (own := _own_name(name, encoder)) in given:
                given.setdefault(decoder, given[own])
    return _make(name, given, settings)


def _sizes(settings: HuggingFaceSettings, name: str) -> dict[str, Any]:
    sizes = {
        "num_hidden_layers": settings.n_layers,
        "num_attention_heads": settings.n_heads,
        "hidden_size": settings.d_model,
        "intermediate_size": settings.d_ff,
    }
    aliases = {"intermediate_size": "n_inner"} if hasattr(_usual(name), "n_inner") else {}
    if settings.kind is not CAUSAL:
        other = [each for each in FEED_FORWARD if hasattr(_usual(name), each)]
        aliases |= {"intermediate_size": other[0]} if other else {}
    return {
        aliases.get(each, _own_name(name, each)): value for each, value in sizes.items() if value is not None
    }


def _of_data(settings: HuggingFaceSettings, name: str) -> dict[str, Any]:
    if settings.kind is IMAGE_CLASSIFIER:
        size, patch = settings.image_size, min(PATCH, settings.image_size or PATCH)
        told = {"image_size": size, "num_channels": settings.n_channels, "patch_size": patch}
        return {key: value for key, value in told.items() if hasattr(_usual(name), key)}
    of_data: dict[str, Any] = {
        "vocab_size": settings.n_tokens,
        "max_position_embeddings": settings.longest,
    }
    tokens: dict[str, int | None] = dict.fromkeys(TOKENS)
    if settings.kind is TEXT_CLASSIFIER:
        of_data["vocab_size"] += OWN_TOKENS
        # the class token is one more, and RoBERTa and MPNet number positions from 1 or 2 on
        of_data["max_position_embeddings"] += 3
        tokens |= {"pad_token_id": PADDING, "bos_token_id": CLASS_TOKEN}
    if settings.kind is TRANSLATOR:  # one token begins and ends a sentence
        boundary = settings.n_tokens - 1 if settings.end_token is None else settings.end_token
        tokens |= {START: boundary, "eos_token_id": boundary, "forced_eos_token_id": None}
        if name in NUMBER_BY_PADDING:
            of_data["vocab_size"] += 1
            of_data["max_position_embeddings"] += settings.n_tokens
            tokens["pad_token_id"] = settings.n_tokens
    return {_own_name(name, each): value for each, value in of_data.items()} | tokens


def _make(name: str, told: dict[str, Any], settings: HuggingFaceSettings) -> Any:
    usual, keys = _usual(name).to_dict(), settings.keys
    for key in keys:
        if key not in _known_keys(name):
            known = [each for each in usual if each not in NOT_OF_THE_MODEL]
            raise UserError(f"model.keys.{key} is not a setting of {name}: {did_you_mean(key, known)}")
    ends = DROPOUTS if settings.kind is CAUSAL else DROPOUTS + MORE_DROPOUTS
    dropouts = [each for each, value in usual.items() if each.endswith(ends) and _is_rate(value)]
    told = told | dict.fromkeys(dropouts, settings.dropout) | keys
    n_layers, kinds = told.get(_own_name(name, "num_hidden_layers")), told.get("layer_types")
    if isinstance(kinds, list) and isinstance(n_layers, int):
        told["layer_types"] = kinds[:n_layers]
    told = {key: value for key, value in told.items() if key not in NOT_OF_THE_MODEL and key[:1] != "_"}
    if settings.n_classes is not None:
        told["num_labels"] = settings.n_classes
    if settings.kind is IMAGE_CLASSIFIER:
        told["architectures"] = []  # the library looks here where it has several classes, as of deit
    try:
        return transformers().AutoConfig.for_model(name, **told)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        if len(lines) > 1:  # the first says where it was checked, the last what is wrong
            raise UserError(f"{settings.asked} cannot be built: {lines[-1][:200]}") from error
        raise refusal(settings.asked, error) from error


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_known(name: str, kind: ModelKind, *, of: str = "model.config") -> None:
    """Raises UserError where the library has no architecture of that name, or none that does the task."""
    library = transformers()
    known = library.models.auto.modeling_auto

    def has(other: ModelKind) -> bool:
        return name in getattr(known, other.mapping)

    if name not in library.CONFIG_MAPPING:
        near = did_you_mean(name, list(getattr(known, kind.mapping)))
        raise UserError(f"{of}={name} is no architecture of transformers: {near}")
    if not has(kind):
        does = " and ".join(f"a {other.what}" for other in KINDS if has(other)) or "of another use"
        raise UserError(f"{of}={name} is no {kind.what} of transformers: it is {does}")
    sizes = (getattr(_usual(name), each, None) for each in ("hidden_size", "num_attention_heads"))
    if kind is IMAGE_CLASSIFIER and name not in IN_STAGES and not all(isinstance(x, int) for x in sizes):
        other = ", ".join(IN_STAGES)
        raise UserError(
            f"{of}={name} has no width and heads that are those of all layers: choose vit, or one of {other}"
        )


def _known_keys(name: str) -> set[str]:
    """The settings of an architecture."""
    usual = _usual(name).to_dict()
    return {*usual, START} if usual.get("is_encoder_decoder") else {*usual}


def _usual(name: str) -> Any:
    """The configuration of an architecture as its authors have it."""
    return transformers().CONFIG_MAPPING[name]()


def _aliases(name: str) -> dict[str, str]:
    return transformers().CONFIG_MAPPING[name].attribute_map


def _own_name(name: str, key: str) -> str:
    """What an architecture calls a setting that others have too."""
    return _aliases(name).get(key, key)
