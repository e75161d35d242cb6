"""JSON and YAML of strangers: plain values come back, anything else is one line that names the file."""

import os
from pathlib import Path

import pytest

from tuneformer.errors import UserError
from tuneformer.runs.plain_files import AT_MOST_BYTES, read_json, read_yaml

pytestmark = pytest.mark.fast

HOSTILE_JSON = {
    "empty": b"",
    "brackets": b"[" * 200_000,
    "deep but whole": b'{"a":' * 500 + b"1" + b"}" * 500,
    "not UTF-8": b"\xff\xfe\x00",
    "a number of 100,000 digits": b"[" + b"9" * 100_000 + b"]",
    "cut": b'{"status": "fin',
}
HOSTILE_YAML = {
    "brackets": b"[" * 200_000,
    "brackets on lines of their own": b"[\n" * 200_000,
    "tables in a line": b"{a: " * 200_000,
    "lists in a line": b"- " * 200_000,
    "keys that are keys": b"? " * 200_000,
    "indented": b"".join(b" " * i + b"a:\n" for i in range(1_000)),
    "a billion laughs": b"a: &a [x, x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a merge": b"a: &a {x: 1}\nb:\n  <<: *a\n",
    "an object": b"a: !!python/object/apply:os.system ['touch pwned']\n",
    "a date": b"a: 2020-01-01\n",
    "not UTF-8": b"a: \xe9\n",
    "a NUL": b"a: \0\n",
    "a key that is a number": b"1: 2\n",
    "a number of 80 digits": b"a: " + b"9" * 80 + b"\n",
}


@pytest.mark.parametrize("content", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_hostile_json_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "record.json"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_json(file)
    assert str(error.value).startswith(f"{file} ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", HOSTILE_YAML.values(), ids=HOSTILE_YAML)
def test_hostile_yaml_is_one_line_and_does_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_yaml(file)
    assert str(error.value).startswith(f"{file} ")
    assert "\n" not in str(error.value)
    assert not Path("pwned").exists()


def test_plain_values_come_back(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, 2.5, null, true, "\\u00e9"]}')
    assert read_json(tmp_path / "a.json") == {"a": [1, 2.5, None, True, "é"]}
    (tmp_path / "a.yaml").write_text("a:\n- 1\n- 2.5\n- null\n- {b: '?*&'}\nc: ${oc.env:HOME}\n")
    assert read_yaml(tmp_path / "a.yaml") == {"a": [1, 2.5, None, {"b": "?*&"}], "c": "${oc.env:HOME}"}


def test_half_a_character_that_json_escapes_can_be_written_afterwards(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"\\ud800": ["\\udfff x"]}')
    assert read_json(tmp_path / "a.json") == {"?": ["? x"]}


def test_what_is_larger_than_allowed_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(AT_MOST_BYTES + 1)
    with pytest.raises(UserError, match="larger than"):
        read_json(tmp_path / "a.json")


def test_pipes_folders_and_devices_are_refused_and_a_missing_file_is_for_the_caller(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "pipe"), (tmp_path, "folder"), (Path("/dev/zero"), "device")):
        with pytest.raises(UserError, match=kind):
            read_json(path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none")
