"""The library transformers, imported where a model of it is built and nowhere else."""

from types import ModuleType

from tuneformer.errors import UserError, reason_of

INSTALL = "pip install 'tuneformer[hf]'"


def transformers() -> ModuleType:
    """The library, which tells errors alone.

    Raises:
        UserError: it is not installed.
    """
    try:
        import transformers as library
    except ImportError:
        raise UserError(f"model=hf needs a package that is not installed: {INSTALL}") from None
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    return library


def refusal(asked: str, error: Exception) -> UserError:
    """What the library says of a model that was asked for, in one line: it checks each in its own way."""
    if isinstance(error, UserError):
        return error
    kind, reason = type(error).__name__, reason_of(error)
    return UserError(f"{asked} cannot be built: {reason if reason == kind else f'{kind}: {reason}'}")
