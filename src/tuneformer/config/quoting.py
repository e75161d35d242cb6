"""Values as Hydra's command line takes them."""

from hydra.core.override_parser.types import Quote, QuotedString


def quoted(value: object) -> str:
    """A value in quotes, whatever signs it contains."""
    return QuotedString(str(value), Quote.double).with_quotes()
