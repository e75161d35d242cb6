"""The database in which the trials of a search lie: its sweeper asks and tells, its runs report."""

import warnings
from typing import TYPE_CHECKING

from tuneformer.errors import UserError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

SECONDS_TO_WAIT = 60  # for another process that writes
SECONDS_TO_ANSWER = 10  # for a machine that may not be there
CONNECTING = {
    "sqlite": {"timeout": SECONDS_TO_WAIT},
    "postgresql+psycopg": {"connect_timeout": SECONDS_TO_ANSWER},
    "mysql+pymysql": {"connect_timeout": SECONDS_TO_ANSWER},
}
"""By the scheme of the URL, what its driver is told."""


def open_storage(url: str) -> "RDBStorage":
    """The storage at a URL.

    Raises:
        UserError: it cannot be reached.
    """
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    engine = {"connect_args": CONNECTING.get(url.partition(":")[0], {})}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return RDBStorage(url, engine_kwargs=engine)
            except (IntegrityError, ProgrammingError):  # two that made the same tables at the same time
                return RDBStorage(url, engine_kwargs=engine)
    except ImportError as error:
        driver = (
            f"no module {error.__cause__.name}" if isinstance(error.__cause__, ImportError) else str(error)
        )
        raise UserError(
            f"search.storage={_without_password(url)} needs a driver that is not installed ({driver}):"
            " pip install 'psycopg[binary]' for postgresql+psycopg://, pymysql for mysql+pymysql://"
        ) from error
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise UserError(f"search.storage={_without_password(url)} cannot be reached: {reason}") from error


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url
