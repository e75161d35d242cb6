"""The library transformers, imported where a model of it is built and nowhere else."""

from types import ModuleType

from tuneformer.errors import UserError

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
