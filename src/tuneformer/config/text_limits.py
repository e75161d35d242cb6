"""How long a text may be and what it may not hold, and the one-line error for one beyond that."""

from dataclasses import dataclass

from tuneformer.config.places import check_no_controls
from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class TextLimits:
    """Of a name that somebody else's server takes: 1 to `longest` characters, none of those in `without`."""

    longest: int
    without: str = ""

    @property
    def words(self) -> str:
        """What is allowed."""
        none = f", none of {' '.join(self.without)}" if self.without else ""
        return f"1 to {self.longest} characters{none}"

    def check(self, setting: str, text: str) -> None:
        """Raise UserError `<setting>=<text> must have ...` unless the text is within."""
        check_no_controls(setting, text)
        if not 0 < len(text.strip()) <= self.longest or set(text) & set(self.without):
            raise UserError(f"{setting}={text:.150} must have {self.words}")
