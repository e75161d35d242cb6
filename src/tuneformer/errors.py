"""The one error that a user is meant to read."""


class UserError(ValueError):
    """Something the user can mend, told in one line: the setting, its value and what is allowed.

    Command lines print it without a traceback and exit with status 2.
    """


def reason_of(error: BaseException) -> str:
    """What an exception says, in one line; its name where it says nothing."""
    told = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return str(told).splitlines()[0][:200]


class Diverged(Exception):  # noqa: N818 - a result of training, not an error
    """The loss is no longer finite. It ends a run and is recorded as its result."""

    def __init__(self, *, step: int, metric: str) -> None:
        super().__init__(f"{metric} is not finite at step {step}")
        self.step = step


class Pruned(Exception):  # noqa: N818 - a result of a search, not an error
    """A search has seen enough of this run."""

    def __init__(self, *, step: int, metric: str) -> None:
        super().__init__(f"pruned at step {step}: its {metric} is behind that of other trials")
        self.step = step


class Interrupted(Exception):  # noqa: N818 - somebody's wish, not an error
    """A signal asked the run to stop; a checkpoint has been written."""

    def __init__(self, *, step: int, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number} at step {step}")
        self.step = step
        self.signal_number = signal_number
