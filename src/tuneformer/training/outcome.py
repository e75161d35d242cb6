"""What became of a run that an exception ended: what its record says, and what its caller is told."""

import errno
import signal
import traceback

from pytorch_lightning.utilities.exceptions import SIGTERMException

from tuneformer.errors import Diverged, Interrupted, Pruned, UserError
from tuneformer.process.leaving import signal_of_exit
from tuneformer.runs.directory import RunDirectory

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def outcome(error: BaseException, *, step: int) -> dict[str, str]:
    """What record.json says of a run that `error` ended at `step`."""
    if isinstance(error, Diverged):
        return {"status": "diverged", "error": str(error)}
    if isinstance(error, Pruned):
        return {"status": "pruned", "error": str(error)}
    if not isinstance(error, Interrupted) and (number := signal_behind(error)) is not None:
        error = Interrupted(step=step, signal_number=number)  # outside the steps
    if isinstance(error, Interrupted | SystemExit):
        return {"status": "interrupted", "error": str(error) or type(error).__name__}
    return {"status": "failed", "error": error_text(error)}


def as_user_error(error: BaseException, directory: RunDirectory) -> BaseException:
    """A full or read-only disk as what the user can mend; any other error as it is."""
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        return UserError(f"run_dir={directory} cannot be written to: {error.strerror}")
    return error


def raise_unless_result(error: BaseException, rank: int) -> None:
    """Raises what the caller of a run that `error` ended must know; a result is nothing to raise."""
    if isinstance(error, Diverged | Pruned):
        return
    if (number := signal_behind(error)) is not None:
        # rank 0 would take the exit status of another rank for its failure
        raise SystemExit(128 + number if rank == 0 else 0) from None
    raise error


def signal_behind(error: BaseException) -> int | None:
    """The signal that ended a run by `error`, None where none did.

    An exception that a signal raised comes back as another one where Lightning fails as it cleans up, and
    after a second Ctrl-C as its exit with status 1.
    """
    each: BaseException | None = error
    while each is not None:
        if (number := _signal_of(each)) is not None:
            return number
        each = each.__context__
    return None


def _signal_of(error: BaseException) -> int | None:
    if isinstance(error, Interrupted):
        return error.signal_number
    if isinstance(error, SystemExit):
        return signal_of_exit(error)
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    return signal.SIGTERM if isinstance(error, SIGTERMException) else None


def error_text(error: BaseException) -> str:
    """One line for what the user can mend, the whole traceback for what he cannot."""
    return str(error) if isinstance(error, UserError) else "".join(traceback.format_exception(error)).strip()
