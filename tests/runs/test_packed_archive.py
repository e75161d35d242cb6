"""Archives of strangers: nothing is unpacked that is larger, or other, than it may be."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tuneformer.runs.packed_archive import check_archive, read_arrays

pytestmark = pytest.mark.fast


def packed(**arrays: np.ndarray) -> io.BytesIO:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]
    return file


def header_of(shape: tuple[int, ...], content: bytes) -> io.BytesIO:
    """An archive with one array whose header says `shape` and whose numbers are `content`."""
    part, file = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(part, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", part.getvalue() + content)
    return file


def test_arrays_come_back_as_numpy_reads_them() -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True, False]), "c": np.zeros((0, 2))}
    read = read_arrays(packed(**arrays), at_most=1 << 20)
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


def test_objects_and_text_are_no_numbers() -> None:
    for array in (np.array([{}], dtype=object), np.array(["text"])):
        with pytest.raises(ValueError, match=r"a\.npy holds .*, not numbers"):
            read_arrays(packed(a=array), at_most=1 << 20)


def test_a_bomb_is_not_unpacked() -> None:
    file = packed(a=np.zeros(1 << 22))
    assert len(file.getvalue()) < 100_000
    with pytest.raises(ValueError, match="more than 1,048,576 bytes"):
        read_arrays(file, at_most=1 << 20)


def test_a_header_that_says_more_than_there_is_is_refused() -> None:
    for shape in ((2**40,), (2**40, 2**40), (-1,)):
        with pytest.raises(ValueError, match=r"by its header|cannot|shape"):
            read_arrays(header_of(shape, bytes(8)), at_most=1 << 50)


def test_a_checkpoint_is_never_packed(tmp_path: Path) -> None:
    for how, name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "packed")):
        with zipfile.ZipFile(tmp_path / name, "w", how) as archive:
            archive.writestr("data.pkl", bytes(1_000))
    check_archive(tmp_path / "stored")
    with pytest.raises(ValueError, match="packed"):
        check_archive(tmp_path / "packed")
