"""The files that a pretrained model is made of: where they are, what they say of its sizes, their digest."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError, reason_of
from tuneformer.models.hf.library import INSTALL
from tuneformer.runs.plain_files import read_json

CONFIG_FILE = "config.json"
WEIGHTS = "*.safetensors"
PICKLES = "*.bin"
ADAPTER = "adapter_config.json"
"""It makes the library take the weights from wherever this file says."""
HUB = "hub:"
"""What `model.path` begins with where it names a model on the hub."""
SIZES = {
    "n_layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "n_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "d_model": ("hidden_size", "n_embd", "d_model", "dim"),
}
"""What the architectures call them."""
IN_STAGES = ("convnext", "convnextv2", "regnet", "resnet", "swin", "swinv2")
"""Architectures whose layers are of several widths, one for each stage: `model.keys` says them."""
BLOCK = 1 << 22
ARCHITECTURE_FILE = "model.json"
"""In a run directory: the architecture, as a config.json has it."""


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A config.json, a folder with one and weights, or a folder with a GGUF file.

    Attributes:
        file: config.json, or the GGUF file.
        weights: the files of its weights; none of a config.json.
    """

    file: Path
    weights: tuple[Path, ...]

    @classmethod
    def of(cls, *, config: str | None, path: str | None, gguf_file: str | None) -> "ModelSource | None":
        """What the settings of the group `model` name; None where that is an architecture alone.

        Raises:
            UserError: it is not there.
        """
        if path is None:
            return None if config is None or not names_file(config) else cls._of_config(Path(config))
        folder = local_folder(path, gguf_file)
        if (folder / ADAPTER).exists():
            raise UserError(
                f"model.path={path} holds {ADAPTER}: it is an adapter of a model elsewhere, which is not read"
            )
        if gguf_file is not None:
            file = folder / gguf_file
            if not file.is_file():
                raise UserError(f"model.gguf_file={gguf_file} is no file of model.path={path}")
            return cls(file=file, weights=(file,))
        if not (folder / CONFIG_FILE).is_file():
            raise UserError(f"model.path={path} holds no {CONFIG_FILE}: it is no model of transformers")
        found = sorted(folder.glob(WEIGHTS))
        if not found and any(folder.glob(PICKLES)):
            raise UserError(
                f"model.path={path} holds pickled weights ({PICKLES}), which are not read: give {WEIGHTS}"
            )
        if not found:
            raise UserError(
                f"model.path={path} holds no weights (*.safetensors): model.config={path}/{CONFIG_FILE} draws"
                " them"
            )
        return cls(file=folder / CONFIG_FILE, weights=tuple(found))

    @classmethod
    def _of_config(cls, file: Path) -> "ModelSource":
        file = file / CONFIG_FILE if file.is_dir() else file
        if not file.is_file():
            raise UserError(f"model.config={file} does not exist")
        return cls(file=file, weights=())

    @property
    def is_gguf(self) -> bool:
        """Whether one file says all."""
        return self.file.name != CONFIG_FILE and self.file in self.weights

    @property
    def settings(self) -> dict[str, Any]:
        """What its config.json says; nothing of a GGUF file."""
        if self.is_gguf:
            return {}
        found = read_json(self.file)
        if not isinstance(found, dict) or not isinstance(found.get("model_type"), str):
            raise UserError(f"{self.file} has no model_type: it is no configuration of transformers")
        return found

    @property
    def sizes(self) -> dict[str, Any]:
        """n_layers, n_heads and d_model; None of one that it does not say, or that layers do not share."""
        settings = self.settings
        if settings.get("model_type") in IN_STAGES:
            return dict.fromkeys(SIZES)
        return {
            name: next((settings[each] for each in names if each in settings), None)
            for name, names in SIZES.items()
        }

    @property
    def digest(self) -> str:
        """SHA-256, of the file and the weights."""
        files = dict.fromkeys((self.file, *self.weights))
        stats = tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
        return _digest(stats)


def names_file(config: str) -> bool:
    """Whether `model.config` is a file or a folder, and no name of an architecture."""
    return "/" in config or config.endswith(".json")


def with_kept_architecture(model: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The group `model` of a run, with the architecture that its directory keeps in `file`.

    What the model was made from is not looked at: the run may be a stranger's. Groups of other models are
    left as they are, and so is a size of which the file says nothing.

    Raises:
        UserError: the file is missing or damaged, or of a model of another size.
    """
    if "gguf_file" not in model:
        return dict(model)
    kept = ModelSource(file=file, weights=())
    if not file.is_file():
        raise UserError(f"{file} is missing")
    keys = kept.settings
    sizes = {name: size for name, size in kept.sizes.items() if size is not None}
    for name, size in sizes.items():
        if not isinstance(size, int) or model.get(name) not in (None, size):
            raise UserError(f"{file} is damaged: {name} is {size!r:.40}, and not model.{name}={model[name]}")
    name = keys.pop("model_type")
    return {**model, **sizes, "config": name, "path": None, "gguf_file": None, "keys": keys}


def local_folder(path: str, gguf_file: str | None) -> Path:
    """The folder of `model.path`; only that of hub:<name> or hub:<name>@<revision> is asked for.

    Raises:
        UserError: there is none.
    """
    if path.startswith(HUB):
        return _folder_of_hub(path, gguf_file or WEIGHTS)
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"model.path={path} is no folder; a model on the hub is model.path={HUB}<name>")
    return folder


@lru_cache(maxsize=64)
def _folder_of_hub(path: str, weights: str) -> Path:
    """The files of a revision, from the hub's cache on this machine where they are there already.

    So the revision that was fetched first stays the one of every later run, until another one is named.
    """
    name, _, revision = path.removeprefix(HUB).partition("@")
    how = {"revision": revision or None, "allow_patterns": ["*.json", weights]}
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            return Path(snapshot_download(name, local_files_only=True, **how))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(name, **how))
    except ImportError:
        raise UserError(f"model.path={path} needs a package that is not installed: {INSTALL}") from None
    except Exception as error:  # the library raises whatever its network and file systems do
        raise UserError(f"model.path={path} cannot be fetched: {_why_not_fetched(error)}") from error


def _why_not_fetched(error: Exception) -> str:
    from huggingface_hub import constants, errors

    if isinstance(error, errors.LocalEntryNotFoundError):
        asked = (
            "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"no hub answers ({reason_of(error)})"
        )
        return f"{asked}, and it is not in the hub's cache on this machine"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the model has no such revision"
    if isinstance(error, errors.RepositoryNotFoundError):  # or one that must be asked for
        return "the hub shows no such model; of one that is private, hf auth login says who you are"
    return reason_of(error)


@lru_cache(maxsize=64)
def _digest(stats: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in stats:
        digest.update(f"{Path(name).name} {size}\n".encode())
        for block in _blocks(Path(name)):
            digest.update(block)
    return digest.hexdigest()[:16]


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            yield block
