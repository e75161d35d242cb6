"""Settings that name places on disk: each is where it is promised to be, or refused."""

import re
from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tuneformer.config.flat_settings import flat_settings
from tuneformer.errors import UserError

PLACES = (
    "run_dir",
    "branch_from",
    "init_from",
    "data.cache_dir",
    "data.path",
    "data.tokenizer",
    "data.validation_path",
    "model.path",
)
"""Settings that are paths, by the words of whoever types them."""
NOT_EXPANDED = ("run_dir", "branch_from", "init_from")
ALSO_WITHOUT_CONTROLS = ("name", "sweep", "search.storage", "search.study", "launcher.address")
"""Settings from which a path, a name of a file or an address is made."""

LONGEST_PART = 255
LONGEST_PATH = 2000
LONGEST_NAME = 128
"""In bytes; the name of a run becomes part of a folder's, and W&B takes no longer one."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_HALF = re.compile("[\ud800-\udfff]")
"""Half a character, for which Python takes a byte that is not UTF-8; no file of a run could be written."""


def check_places(config: Mapping[str, Any]) -> None:
    """Raises UserError for the first setting that names no place, or one where nothing may be written.

    A text anywhere that is not of whole characters is refused as well: config.yaml is UTF-8.
    """
    for path, value in flat_settings(config):
        if any(_HALF.search(text) for text in (path, *_texts(value))):
            shown = f"{path}={value}".encode("utf-8", "backslashreplace").decode()
            raise UserError(f"{shown:.200} is not UTF-8: give the file, or whatever it names, another name")
    for path in (*PLACES, *ALSO_WITHOUT_CONTROLS):
        value = _setting(config, path)
        if not isinstance(value, str):
            continue
        check_no_controls(path, value)
        if path in PLACES and not value.strip():
            hint = " or unset TUNEFORMER_CACHE" if path == "data.cache_dir" else ""
            raise UserError(f"{path} is empty: give a path{hint}")
        if path in PLACES:
            _check_length(path, value)
        if value.startswith("~") and (path in NOT_EXPANDED or (path in PLACES and not _has_home(value))):
            raise UserError(f"{path}={value} begins with ~, which stands for no folder here: write it out")
    if (name := config.get("name")) is not None:
        check_run_name(name)
    if (sweep := config.get("sweep")) is not None:
        check_sweep_name(sweep)


def check_sweep_name(sweep: str) -> None:
    """Raises UserError unless the folder of a sweep lies in outputs/sweeps by this name."""
    check_no_controls("sweep", sweep)
    parts = sweep.split("/")
    if PurePosixPath(sweep).is_absolute() or any(part.strip() in ("", ".", "..") for part in parts):
        raise UserError(
            f"sweep={sweep} must name a folder below outputs/sweeps: words with / between them, none of"
            " them empty, . or .."
        )
    _check_length("sweep", sweep)


def check_run_name(name: str) -> None:
    """Raises UserError unless a run and its folder can be told by this name."""
    check_no_controls("name", name)
    if not any(character.isalnum() for character in name):
        raise UserError(
            f"name={name!r:.60} has no letter or digit: give a word, or null for one by the settings"
        )
    if (size := _n_bytes(name)) > LONGEST_NAME:
        raise UserError(f"name={name:.40}... has {size:,} bytes: at most {LONGEST_NAME}")


def path_argument(text: str) -> Path:
    """A path on a command line as argparse takes it; empty, it would be the working directory."""
    try:
        check_no_controls("it", text)
        _check_length("it", text)
    except UserError as error:
        raise ArgumentTypeError(str(error)) from None
    if not text.strip():
        raise ArgumentTypeError("it is empty: give a path")
    return Path(text)


def check_no_controls(setting: str, value: str) -> None:
    """Raises UserError where a text from which a path is made has a character that no name should have."""
    if found := _CONTROLS.search(value):
        raise UserError(f"{setting}={value!r} holds the control character {found[0]!r}: leave it out")


def _check_length(setting: str, value: str) -> None:
    longest = max(_n_bytes(part) for part in value.split("/"))
    if longest > LONGEST_PART or _n_bytes(value) > LONGEST_PATH:
        raise UserError(
            f"{setting}={value:.40}... is too long: a path has at most {LONGEST_PATH:,} bytes, a name in it"
            f" {LONGEST_PART}"
        )


def _has_home(path: str) -> bool:
    try:
        Path(path).expanduser()
    except RuntimeError:  # it is that of nobody here
        return False
    return True


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | Mapping):
        for element in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(element)


def _n_bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _setting(config: Mapping[str, Any], path: str) -> Any:
    node: Any = config
    for key in path.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
