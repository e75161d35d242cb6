import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.data.pair_settings import pair_settings
from tuneformer.data.corpora import translation
from tuneformer.data.corpora.translation import Translation, read_components
from tuneformer.data.held_out import assign_splits
from tuneformer.data.pairs.pair_text import Pair, normalised
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of eighty small components in place of the real one."""
    wheel = tmp_path / "cache" / "downloads" / translation.WHEEL.file_name
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for number in range(80):
            english = {
                "config": {
                    "title": "Device 7 is {state}",
                    "own": f"Word {chr(97 + number % 26) * (1 + number // 26)}",
                },
                "same": "Wi-Fi",
                "only_english": "Only here",
            }
            german = {
                "config": {"title": "Gerät 7 ist {state}", "own": f"Wort {number}"},
                "same": "Wi-Fi",
                "only_german": "Nur hier",
            }
            folder = f"homeassistant/components/part{number}/translations"
            archive.writestr(f"{folder}/en.json", json.dumps(english))
            archive.writestr(f"{folder}/de.json", json.dumps(german))
        archive.writestr("homeassistant/components/part0/translations/fr.json", json.dumps({"same": "Ouifi"}))
        archive.writestr("homeassistant/components/lone/translations/de.json", json.dumps({"a": "b"}))
        archive.writestr("homeassistant/components/part0/strings.json", "{}")
    here = replace(translation.WHEEL, sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(translation, "WHEEL", here)
    return tmp_path / "cache"


def corpus(cache: Path, target: str = "de", **changes: Any) -> Translation:
    return Translation(target=target, **pair_settings(cache, **changes))


def test_sentences_are_aligned_by_component_and_key(cache: Path) -> None:
    wheel = cache / "downloads" / translation.WHEEL.file_name
    components = read_components(wheel, target="de")
    assert len(components) == 80
    assert components["part3"] == [
        Pair("Device 7 is {state}", "Gerät 7 ist {state}"),
        Pair("Word d", "Wort 3"),
    ]
    assert read_components(wheel, target="fr") == {"part0": [Pair("Wi-Fi", "Ouifi")]}


def test_a_component_is_whole_in_one_split_and_what_was_trained_on_is_not_held_out(cache: Path) -> None:
    text = corpus(cache).read()
    splits = assign_splits({f"part{number}": 2 for number in range(80)})
    own = {
        name: {f"Wort {part.removeprefix('part')}" for part in splits if splits[part] == name}
        for name in ("train", "validation", "test")
    }
    for name, pairs in text.splits.items():
        assert {pair.target for pair in pairs} - {"Gerät 7 ist {state}"} == own[name]
    trained = {normalised(pair.source) for pair in text.train}
    assert "device 0 is {}" in trained
    assert not [pair for pair in (*text.validation, *text.test) if normalised(pair.source) in trained]
    n_held_out = len(own["validation"])
    expected = f"{n_held_out} of {n_held_out + 1} validation pairs do not occur in training"
    assert text.notes[0] == expected


def test_a_language_that_the_catalogue_lacks_is_one_line_with_those_there_are(cache: Path) -> None:
    with pytest.raises(UserError) as error:
        corpus(cache, target="dde").prepare()
    assert str(error.value) == "data.target=dde must be one of de, fr (did you mean de?)"


def test_the_pairs_are_prepared_and_found_again(cache: Path) -> None:
    prepared = corpus(cache).prepare()
    assert prepared.counts["train"] == len(corpus(cache).read().train)
    assert prepared.needs == {"vocab_size": prepared.tokenizer.vocab_size + 1}
    again = corpus(cache, beam_size=1, batch_size=4).prepare()
    assert again.fingerprint == prepared.fingerprint
    assert again.decoding.beam_size == 1
