"""From settings to a configuration of transformers."""

import json
from pathlib import Path
from typing import Any

from tuneformer.config.suggestions import did_you_mean
from tuneformer.errors import UserError, reason_of
from tuneformer.models.hf.library import refusal, transformers
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.hf.source import ModelSource, names_file

NOT_OF_THE_MODEL = (
    "_name_or_path",
    "architectures",
    "auto_map",
    "dtype",
    "model_type",
    "quantization_config",
    "torch_dtype",
    "transformers_weights",
    "transformers_version",
)
"""What a config.json says of files and code, none of which is asked for."""
DROPOUTS = ("dropout", "pdrop", "dropout_prob")
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
IN_PROPORTION = {
    "intermediate_size": "hidden_size",
    "ffn_dim": "hidden_size",
    "num_key_value_heads": "num_attention_heads",
}
"""What an architecture has in proportion to its width or its heads, where it says so at all."""
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
        return _of_name(settings.config, settings)
    source = ModelSource.of(config=settings.config, path=None, gguf_file=None)
    assert source is not None
    told = {name: value for name, value in source.settings.items() if name not in NOT_OF_THE_MODEL}
    name = source.settings["model_type"]
    sizes = _sizes(settings, name)
    return _make(name, told | sizes | _of_data(settings, name), settings)


def told_architecture(config: Any) -> dict[str, Any]:
    """What makes the same configuration again, as JSON has it."""
    told, usual = config.to_dict(), _usual(config.model_type).to_dict()
    kept = {key: value for key, value in told.items() if key in usual and key not in NOT_OF_THE_MODEL}
    return json.loads(json.dumps({"model_type": config.model_type} | kept, default=str))


def _of_weights(settings: HuggingFaceSettings) -> Any:
    source = ModelSource.of(config=None, path=settings.path, gguf_file=settings.gguf_file)
    assert source is not None
    if source.is_gguf:
        config = _read_gguf(source)
        told, name = config.to_dict(), config.model_type
    else:
        told, name = source.settings, source.settings["model_type"]
    _usual(name, of=f"{settings.asked}: model_type")
    told = {key: value for key, value in told.items() if key not in NOT_OF_THE_MODEL}
    if settings.n_layers is not None:  # fewer, where only memory is counted
        told |= {_own_name(name, "num_hidden_layers"): settings.n_layers}
    made = _make(name, told, settings)
    _check_room(made, settings, source.file.parent)
    return made


def _read_gguf(source: ModelSource) -> Any:
    try:
        return transformers().AutoConfig.from_pretrained(source.file.parent, gguf_file=source.file.name)
    except ImportError:
        raise UserError("model.gguf_file needs the package gguf: pip install 'tuneformer[hf]'") from None
    except Exception as error:
        raise UserError(f"model.gguf_file={source.file.name} cannot be read: {reason_of(error)}") from error


def _check_room(made: Any, settings: HuggingFaceSettings, folder: Path) -> None:
    """Raises UserError where the data have more tokens, or longer texts, than the weights know."""
    if settings.vocab_size > made.vocab_size:
        raise UserError(
            f"data.vocab_size={settings.vocab_size} is more than the {made.vocab_size} tokens that"
            f" model.path={settings.path} knows: choose data.tokenizer={folder}"
        )
    room = getattr(made, "max_position_embeddings", None)
    if isinstance(room, int) and settings.context_length > room:
        raise UserError(
            f"data.context_length={settings.context_length} must be at most {room}, the positions that"
            f" model.path={settings.path} has"
        )


def _of_name(name: str, settings: HuggingFaceSettings) -> Any:
    given = _sizes(settings, name) | _of_data(settings, name)
    usual = _usual(name)
    for inside, around in IN_PROPORTION.items():
        own, whole = getattr(usual, inside, None), getattr(usual, around, None)
        if isinstance(own, int) and isinstance(whole, int) and inside not in _aliases(name):
            exact = own / whole * given[_own_name(name, around)]
            size = max(1, round(exact))
            given.setdefault(inside, -(-size // MULTIPLE) * MULTIPLE if around == "hidden_size" else size)
    if isinstance(usual.to_dict().get("head_dim"), int):  # no property that follows from the others
        width, heads = (given[_own_name(name, each)] for each in ("hidden_size", "num_attention_heads"))
        given.setdefault("head_dim", width // heads)
    return _make(name, given, settings)


def _sizes(settings: HuggingFaceSettings, name: str) -> dict[str, Any]:
    sizes = {
        "num_hidden_layers": settings.n_layers,
        "num_attention_heads": settings.n_heads,
        "hidden_size": settings.d_model,
        "intermediate_size": settings.d_ff,
    }
    aliases = {"intermediate_size": "n_inner"} if hasattr(_usual(name), "n_inner") else {}
    return {
        aliases.get(each, _own_name(name, each)): value for each, value in sizes.items() if value is not None
    }


def _of_data(settings: HuggingFaceSettings, name: str) -> dict[str, Any]:
    of_data = {"vocab_size": settings.vocab_size, "max_position_embeddings": settings.context_length}
    return {_own_name(name, each): value for each, value in of_data.items()} | dict.fromkeys(TOKENS)


def _make(name: str, told: dict[str, Any], settings: HuggingFaceSettings) -> Any:
    usual, keys = _usual(name).to_dict(), settings.keys
    for key in keys:
        if key not in usual:
            known = [each for each in usual if each not in NOT_OF_THE_MODEL]
            raise UserError(f"model.keys.{key} is not a setting of {name}: {did_you_mean(key, known)}")
    dropouts = [each for each, value in usual.items() if each.endswith(DROPOUTS) and _is_rate(value)]
    told = told | dict.fromkeys(dropouts, settings.dropout) | keys
    n_layers, kinds = told.get(_own_name(name, "num_hidden_layers")), told.get("layer_types")
    if isinstance(kinds, list) and isinstance(n_layers, int):
        told["layer_types"] = kinds[:n_layers]
    told = {key: value for key, value in told.items() if key not in NOT_OF_THE_MODEL and key[:1] != "_"}
    try:
        return transformers().AutoConfig.for_model(name, **told)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        if len(lines) > 1:  # the first says where it was checked, the last what is wrong
            raise UserError(f"{settings.asked} cannot be built: {lines[-1][:200]}") from error
        raise refusal(settings.asked, error) from error


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _usual(name: str, *, of: str = "model.config") -> Any:
    """The configuration of an architecture as its authors have it.

    Raises:
        UserError: the library has none of that name.
    """
    library = transformers()
    known = library.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if name not in library.CONFIG_MAPPING or name not in known:
        what = "no architecture" if name not in library.CONFIG_MAPPING else "no causal language model"
        raise UserError(f"{of}={name} is {what} of transformers: {did_you_mean(name, list(known))}")
    return library.CONFIG_MAPPING[name]()


def _aliases(name: str) -> dict[str, str]:
    return transformers().CONFIG_MAPPING[name].attribute_map


def _own_name(name: str, key: str) -> str:
    """What an architecture calls a setting that others have too."""
    return _aliases(name).get(key, key)
