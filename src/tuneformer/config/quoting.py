"""Values as Hydra's command line takes them."""

import re
from collections.abc import Mapping

from hydra.core.override_parser.types import Quote, QuotedString

from tuneformer.errors import UserError

_WORD = re.compile(r"(?!(?i:null|true|false|nan|inf)$)\w[\w./-]*")
_NUMBER = re.compile(r"[\d_.]+(e-?\d+)?", re.IGNORECASE)
_INTERPOLATION = re.compile(r"(\\*)\$\{")
# Hydra's language quotes values, not keys: whatever else stands in a key would be read as part of an override
_NAME = re.compile(r"(?!(?i:null|true|false|nan|inf)$)[A-Za-z_][A-Za-z0-9_-]*")


def plain_name(key: object) -> str:
    """A key that stands for itself in an override.

    Raises:
        UserError: it has other signs than letters, digits, _ and -, or is a word that stands for a value.
    """
    if not isinstance(key, str) or not _NAME.fullmatch(key):
        shown = repr(key) if len(repr(key)) <= 60 else f"{repr(key)[:60]}..."
        raise UserError(f"{shown} is no name of a setting: a name has letters, digits, _ and - only")
    return key


def quoted(value: object) -> str:
    """A value in quotes, whatever signs it contains."""
    return QuotedString(str(value), Quote.double).with_quotes()


def as_typed(value: object) -> str:
    """A plain value as it is typed behind `setting=`: it arrives as it is, with nothing interpolated.

    Raises:
        UserError: a key in it, at whatever depth, is no plain name, or names with dots between them.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_path(key)}:{as_typed(element)}' for key, element in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(as_typed(element) for element in value)}]"
    return quoted(_INTERPOLATION.sub(lambda match: match.group(1) * 2 + "\\${", str(value)))


def _path(key: object) -> str:
    return ".".join(plain_name(name) for name in str(key).split("."))


def typed(value: object) -> str:
    """A value as somebody would type it: words need no quotes."""
    word = isinstance(value, str) and _WORD.fullmatch(value) and not _NUMBER.fullmatch(value)
    return str(value) if word else as_typed(value)
