"""Settings that name places on disk: each is where it is promised to be, or refused."""

import re
from argparse import ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tuneformer.errors import UserError

PLACES = ("run_dir", "branch_from", "init_from", "data.cache_dir", "data.path", "data.validation_path")
"""Settings that are paths, by the words of whoever types them."""
ALSO_WITHOUT_CONTROLS = ("name", "sweep", "search.storage", "search.study", "launcher.address")
"""Settings from which a path, a name of a file or an address is made."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")


def check_places(config: Mapping[str, Any]) -> None:
    """Raises UserError for the first setting that names no place, or one where nothing may be written."""
    for path in (*PLACES, *ALSO_WITHOUT_CONTROLS):
        value = _setting(config, path)
        if not isinstance(value, str):
            continue
        check_no_controls(path, value)
        if path in PLACES and not value.strip():
            hint = " or unset TUNEFORMER_CACHE" if path == "data.cache_dir" else ""
            raise UserError(f"{path} is empty: give a path{hint}")
    if (sweep := config.get("sweep")) is not None:
        check_sweep_name(sweep)
    if (run_dir := config.get("run_dir")) is not None:
        _check_run_dir(run_dir)


def check_sweep_name(sweep: str) -> None:
    """Raises UserError unless the folder of a sweep lies in outputs/sweeps by this name."""
    check_no_controls("sweep", sweep)
    parts = sweep.split("/")
    if PurePosixPath(sweep).is_absolute() or any(part.strip() in ("", ".", "..") for part in parts):
        raise UserError(
            f"sweep={sweep} must name a folder below outputs/sweeps: words with / between them, none of"
            " them empty, . or .."
        )


def place_to_write(text: str) -> Path:
    """A path on a command line as argparse takes it; empty, it would be the working directory."""
    try:
        check_no_controls("it", text)
    except UserError as error:
        raise ArgumentTypeError(str(error)) from None
    if not text.strip():
        raise ArgumentTypeError("it is empty: give a path")
    return Path(text)


def check_no_controls(setting: str, value: str) -> None:
    """Raises UserError where a text from which a path is made has a character that no name should have."""
    if found := _CONTROLS.search(value):
        raise UserError(f"{setting}={value!r} holds the control character {found[0]!r}: leave it out")


def _check_run_dir(run_dir: str) -> None:
    path = Path(run_dir).resolve()
    if Path.cwd().resolve().is_relative_to(path) and not (path / "record.json").exists():
        raise UserError(
            f"run_dir={run_dir} is the working directory or a folder around it: give one of its own"
        )


def _setting(config: Mapping[str, Any], path: str) -> Any:
    node: Any = config
    for key in path.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
