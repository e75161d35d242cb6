import pytest

from tuneformer.data.pairs.pair_text import Pair, distinct, held_out_from, normalised

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Fan {fan_id} at 10 %", "fan {} at 0 %"),
        ("  Two   spaces\n and a line ", "two spaces and a line"),
        ("[%key:common::action::turn_on%] now", "{} now"),
        ("Found %s of 1,234", "found {} of 0,0"),
        ("Version 2.10", "version 0.0"),
    ],
)
def test_numbers_and_placeholders_do_not_tell_sentences_apart(sentence: str, expected: str) -> None:
    assert normalised(sentence) == expected


def test_what_occurs_in_training_is_not_held_out() -> None:
    train = [Pair("Fan 1", "Ventilator 1"), Pair("Off", "Aus")]
    held_out = [
        Pair("fan 22", "Ventilator 22"),  # but for its number it was seen
        Pair("OFF", "Ausgeschaltet"),  # another translation of what was seen
        Pair("On", "An"),
        Pair("On", "An"),
        Pair("On", "Ein"),
    ]
    assert held_out_from(train, held_out) == [Pair("On", "An"), Pair("On", "Ein")]


def test_pairs_with_equal_sides_and_repetitions_are_left_out() -> None:
    pairs = [Pair("Off", "Aus"), Pair("Wi-Fi", "Wi-Fi"), Pair("Off", "Aus"), Pair("Off", "Ab")]
    assert distinct(pairs) == [Pair("Off", "Aus"), Pair("Off", "Ab")]
