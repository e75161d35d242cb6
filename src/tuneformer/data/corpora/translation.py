"""Interface sentences and their translations, from the PyPI package homeassistant."""

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from tuneformer.config.setting import Setting
from tuneformer.config.suggestions import one_of
from tuneformer.data.held_out import assign_splits
from tuneformer.data.pairs.pair_files import StoredPairs
from tuneformer.data.pairs.pair_text import Pair, PairText, distinct, held_out_from
from tuneformer.data.pairs.pairs_data import PairsData
from tuneformer.data.wheels import Wheel

WHEEL = Wheel(
    requirement="homeassistant==2026.2.3",
    file_name="homeassistant-2026.2.3-py3-none-any.whl",
    sha256="8167820cac4b8defe895fd2c36ac23402a445d1fe6028e8cde24caabb935282c",
    for_option="data=translation",
    instead="data=pairs data.path=FILE needs no network",
    pip_options=("--ignore-requires-python",),  # it is read, not run
)
CATALOGUE = re.compile(r"homeassistant/components/([^/]+)/translations/([^/]+)\.json")
SOURCE_LANGUAGE = "en"


@dataclass(frozen=True, kw_only=True)
class Translation(PairsData):
    """English interface sentences of Home Assistant 2026.2.3 (Apache-2.0) and the `target` language's.

    Pairs are aligned by component and key, those with equal sides left out, each kept once. A component
    is whole in one split (`assign_splits`); of validation and test a pair is dropped whose source occurs
    in training, numbers and placeholders disregarded (`held_out_from`).

    Raises:
        UserError: the catalogue has no such language.
    """

    target: Annotated[str, Setting("the language to translate into: fr, nl, ...; a wrong one gives the list")]

    def source(self) -> object:
        return [WHEEL.sha256, self.target]

    def language(self, pairs: StoredPairs) -> str:
        del pairs
        return self.target

    def read(self) -> PairText:
        by_component = read_components(WHEEL.fetch(self.cache), target=self.target)
        splits = assign_splits({name: len(pairs) for name, pairs in by_component.items()})
        parts: dict[str, list[Pair]] = {"train": [], "validation": [], "test": []}
        for component, pairs in by_component.items():
            parts[splits[component]] += pairs
        train = distinct(parts["train"])
        held_out = {name: held_out_from(train, parts[name]) for name in ("validation", "test")}
        notes = [
            f"{len(pairs):,} of {len(set(parts[name])):,} {name} pairs do not occur in training"
            for name, pairs in held_out.items()
        ]
        return PairText(train, held_out["validation"], held_out["test"], tuple(notes))


def read_components(wheel: Path, *, target: str) -> dict[str, list[Pair]]:
    """The pairs of each component that has both languages, in the order of its English catalogue.

    Raises:
        UserError: no component has the target language.
    """
    with zipfile.ZipFile(wheel) as archive:
        catalogues = {
            (found[1], found[2]) for name in archive.namelist() if (found := CATALOGUE.fullmatch(name))
        }
        _check_language(target, {language for _, language in catalogues})
        components: dict[str, list[Pair]] = {}
        for component in sorted(name for name, language in catalogues if language == target):
            if (component, SOURCE_LANGUAGE) not in catalogues:
                continue
            english, translated = (
                dict(_sentences(json.loads(archive.read(_file_of(component, language)))))
                for language in (SOURCE_LANGUAGE, target)
            )
            both = (Pair(english[key], translated[key]) for key in english if key in translated)
            components[component] = distinct(both)
    return {component: pairs for component, pairs in components.items() if pairs}


def _check_language(target: str, languages: set[str]) -> None:
    one_of("data.target", target, sorted(languages - {SOURCE_LANGUAGE}))


def _file_of(component: str, language: str) -> str:
    return str(PurePosixPath("homeassistant/components", component, "translations", f"{language}.json"))


def _sentences(catalogue: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Each sentence of a nested catalogue with its key, on one line."""
    for key, value in catalogue.items():
        if isinstance(value, dict):
            yield from _sentences(value, f"{path}.{key}")
        elif isinstance(value, str) and (sentence := " ".join(value.split())):
            yield f"{path}.{key}", sentence
