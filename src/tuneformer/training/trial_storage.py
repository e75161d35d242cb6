"""The database in which the trials of a search lie: its sweeper asks and tells, its runs report."""

import time
import warnings
from typing import TYPE_CHECKING

from tuneformer.errors import UserError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

SECONDS_TO_WAIT = 60  # for another process that writes
SECONDS_TO_ANSWER = 10  # for a machine that may not be there
TRIES_TO_MAKE_TABLES, SECONDS_BETWEEN_TRIES = 10, 0.5
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
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _open(url)
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


def _open(url: str) -> "RDBStorage":
    """Where several open an empty database at once, each table is made by the quickest."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

    engine = {"connect_args": CONNECTING.get(url.partition(":")[0], {})}
    for _ in range(TRIES_TO_MAKE_TABLES):
        try:
            return RDBStorage(url, engine_kwargs=engine)
        except (IntegrityError, ProgrammingError, OperationalError) as error:
            # MySQL's word for it is the one that others have for a machine that does not answer
            if isinstance(error, OperationalError) and "already exists" not in str(error):
                raise
            time.sleep(SECONDS_BETWEEN_TRIES)
    return RDBStorage(url, engine_kwargs=engine)


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url
