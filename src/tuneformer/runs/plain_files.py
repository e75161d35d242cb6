"""JSON and YAML that a user may have received: read as plain values, with bounds on size and depth."""

import json
import pickle
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tuneformer.config.yaml_loader import LOADER
from tuneformer.errors import UserError, reason_of
from tuneformer.runs.regular_file import read_regular

AT_MOST_BYTES = 1 << 26
AT_MOST_REMEMBERED = 1 << 16
AT_MOST_DEEP = 64
AT_MOST_DIGITS = 64

# What a YAML file must have to nest deeply or to repeat parts of itself; without it there is no need to look.
_SUSPICIOUS = re.compile(r"[&*?]|- -|^ {32}", re.MULTILINE)
_SURROGATE = re.compile(r"\\ud[89a-f]", re.IGNORECASE)
_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        FileNotFoundError: there is none.
        UserError: it is no regular file, too large, too deep, not UTF-8 or not JSON; one line that names it.
    """
    return _read(path, parse_json)


def read_yaml(path: Path) -> Any:
    """The value in a YAML file without anchors, as plain values; nothing in it is resolved.

    Raises:
        FileNotFoundError: there is none.
        UserError: as in `read_json`.
    """
    return _read(path, _parse_remembered)


def parse_json(text: str) -> Any:
    """The value; ValueError where the text is no JSON, or lies too deep."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"it nests more than {AT_MOST_DEEP} levels deep") from None
    if _n_brackets(text) > AT_MOST_DEEP:
        _check_depth(value)
    # JSON can escape half a character, which no file can be written with
    return _without_surrogates(value) if _SURROGATE.search(text) else value


def parse_yaml(text: str) -> Any:
    """The value; ValueError where the text is no YAML, too deep, has anchors, or not of plain values."""
    try:
        if _n_brackets(text) > AT_MOST_DEEP or _SUSPICIOUS.search(text):
            _check_events(text)  # the loader itself ends the process on what nests too deeply
        value = yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (RecursionError, OverflowError, AttributeError, TypeError) as error:
        raise ValueError(reason_of(error)) from None
    _check_plain(value)
    return value


def _parse_remembered(text: str) -> Any:
    """As `parse_yaml`; a run reads its own configuration several times."""
    return pickle.loads(_pickled(text)) if len(text) <= AT_MOST_REMEMBERED else parse_yaml(text)


@lru_cache(maxsize=32)
def _pickled(text: str) -> bytes:
    return pickle.dumps(parse_yaml(text))


def _read(path: Path, parse: Any) -> Any:
    try:
        return parse(read_regular(path, at_most=AT_MOST_BYTES).decode("utf-8"))
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is damaged: it is not UTF-8 (byte {error.start})") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {reason_of(error)}") from error


def _n_brackets(text: str) -> int:
    return text.count("[") + text.count("{")


def _check_events(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"it has the alias *{event.anchor}: write values out")
        depth += isinstance(event, _OPENING) - isinstance(event, _CLOSING)
        if depth > AT_MOST_DEEP:
            raise ValueError(f"it nests more than {AT_MOST_DEEP} levels deep")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(AT_MOST_DEEP + 1):
        level = [part for each in level for part in _parts(each) if isinstance(part, dict | list)]
        if not level:
            return
    raise ValueError(f"it nests more than {AT_MOST_DEEP} levels deep")


def _check_plain(value: Any) -> None:
    """A date, a set and the like are no settings; an integer beyond 64 digits is no number of anything."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if odd := next((key for key in each if not isinstance(key, str)), None):
                raise ValueError(f"its key {odd!r} is not text")
            left += each.values()
        elif isinstance(each, list):
            left += each
        elif isinstance(each, int) and abs(each) >= 10**AT_MOST_DIGITS:
            raise ValueError(f"a number in it has more than {AT_MOST_DIGITS} digits")
        elif not isinstance(each, str | int | float | None):
            raise ValueError(f"it holds a {type(each).__name__}, which is no setting")


def _parts(value: Any) -> Iterator[Any]:
    return iter(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(part) for part in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
