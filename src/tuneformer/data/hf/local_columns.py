"""One column of a parquet, arrow or JSON file, row by row."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tuneformer.errors import UserError

BATCH_ROWS = 1000


class Reader(NamedTuple):
    """How files of a suffix are read; suffixes of one kind may lie in one folder."""

    kind: str
    read: Callable[[Path, str], Iterator[Any]]


def read_parquet(file: Path, column: str) -> Iterator[Any]:
    """The values of a column of a parquet file."""
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        _check(file, column, opened.schema_arrow.names)
        for batch in opened.iter_batches(BATCH_ROWS, columns=[column]):
            yield from batch.column(0).to_pylist()


def read_arrow(file: Path, column: str) -> Iterator[Any]:
    """The values of a column of an arrow file, a stream as `save_to_disk` writes it or the file format."""
    import pyarrow

    with pyarrow.memory_map(str(file)) as source:
        try:
            batches = iter(pyarrow.ipc.open_stream(source))
        except pyarrow.ArrowInvalid:
            opened = pyarrow.ipc.open_file(source)
            batches = (opened.get_batch(number) for number in range(opened.num_record_batches))
        for batch in batches:
            _check(file, column, batch.schema.names)
            yield from batch.column(column).to_pylist()


def read_json(file: Path, column: str) -> Iterator[Any]:
    """The values of a column of JSON lines, or of one list of objects."""
    with file.open(encoding="utf-8") as opened:
        if _first_character(file) == "[":
            rows = enumerate(json.load(opened), start=1)
        else:
            lines = ((number, line) for number, line in enumerate(opened, start=1) if line.strip())
            rows = ((number, _parsed(file, number, line)) for number, line in lines)
        for number, row in rows:
            if not isinstance(row, dict):
                raise UserError(f"data.path: {file}, row {number:,}, is no object with columns")
            _check(file, column, list(row), row=number)
            yield row[column]


def _parsed(file: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"data.path: {file}, line {number:,}, is not JSON: {error}") from None


def _first_character(file: Path) -> str:
    with file.open(encoding="utf-8") as opened:
        return opened.read(1024).lstrip()[:1]


def _check(file: Path, column: str, columns: list[str], *, row: int | None = None) -> None:
    if column not in columns:
        where = f"{file}, row {row:,}," if row is not None else str(file)
        raise UserError(f"data.column={column} is not in {where} of data.path: it has {', '.join(columns)}")


READERS = {
    ".parquet": Reader("parquet", read_parquet),
    ".arrow": Reader("arrow", read_arrow),
    ".jsonl": Reader("json", read_json),
    ".json": Reader("json", read_json),
    ".ndjson": Reader("json", read_json),
}
"""By the suffix of the file."""
