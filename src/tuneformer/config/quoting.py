"""Values as Hydra's command line takes them."""

import re
from collections.abc import Mapping

from hydra.core.override_parser.types import Quote, QuotedString

_WORD = re.compile(r"(?!(?i:null|true|false|nan|inf)$)\w[\w./-]*")
_NUMBER = re.compile(r"[\d_.]+(e-?\d+)?", re.IGNORECASE)
_INTERPOLATION = re.compile(r"(\\*)\$\{")


def quoted(value: object) -> str:
    """A value in quotes, whatever signs it contains."""
    return QuotedString(str(value), Quote.double).with_quotes()


def as_typed(value: object) -> str:
    """A plain value as it is typed behind `setting=`: it arrives as it is, with nothing interpolated."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{as_typed(element)}' for key, element in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(as_typed(element) for element in value)}]"
    return quoted(_INTERPOLATION.sub(lambda match: match.group(1) * 2 + "\\${", str(value)))


def typed(value: object) -> str:
    """A value as somebody would type it: words need no quotes."""
    word = isinstance(value, str) and _WORD.fullmatch(value) and not _NUMBER.fullmatch(value)
    return str(value) if word else as_typed(value)
