"""The documents of a Hugging Face data set, one after the other, never all at once."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tuneformer.data.hf.local_columns import READERS
from tuneformer.errors import UserError

# what `save_to_disk` puts beside its arrow files
DESCRIPTIONS = ("dataset_info.json", "state.json", "dataset_dict.json")
INSTALL = "pip install 'tuneformer[hf]'"


def local_files(path: Path) -> list[Path]:
    """The data files at a path or below a folder, sorted by their relative paths."""
    if path.is_file():
        return [path]
    found = (file for file in path.rglob("*") if file.suffix in READERS and file.name not in DESCRIPTIONS)
    return sorted(file for file in found if file.is_file() and file.stat().st_size)


def documents(path: str, *, subset: str | None, column: str, skip: int) -> Iterator[str | None]:
    """The texts of a data set but the first `skip`, in its order; None where a row has none (null).

    Nothing but the one column is read: other columns may differ from file to file.

    `path`: a file, a folder of files of one format (parquet, arrow, JSON lines), or a name on the hub, of
    which the split "train" is read.

    Raises:
        UserError: the package is not installed, there is no such data set, it lacks the column, or a value
            of the column is no text.
    """
    local = Path(path).expanduser()
    values = _of_files(path, local, column) if local.exists() else _of_hub(path, subset, column)
    for number, value in enumerate(islice(values, skip, None), start=skip + 1):
        if value is not None and not isinstance(value, str):
            kind = type(value).__name__
            raise UserError(
                f"data.column={column} of data.path={path} must be text, and is a {kind} in row {number:,}"
            )
        yield value


def _of_files(path: str, local: Path, column: str) -> Iterator[Any]:
    files = local_files(local)
    kinds = sorted({READERS[file.suffix].kind if file.suffix in READERS else "other" for file in files})
    if len(kinds) != 1 or kinds == ["other"]:
        found = ", ".join(kinds) or "nothing"
        raise UserError(f"data.path={path} must hold files of one of {', '.join(READERS)}, not {found}")
    for file in files:
        try:
            yield from READERS[file.suffix].read(file, column)
        except ModuleNotFoundError:
            raise UserError(f"data=hf needs a package that is not installed: {INSTALL}") from None
        except UserError:
            raise
        except Exception as error:  # the readers raise whatever a damaged file makes them
            raise UserError(f"data.path: {file} cannot be read: {_first_line(error)}") from error


def _of_hub(path: str, subset: str | None, column: str) -> Iterator[Any]:
    try:
        import datasets
    except ModuleNotFoundError:
        raise UserError(f"data=hf needs a package that is not installed: {INSTALL}") from None
    try:
        stream = datasets.load_dataset(path, subset, split="train", streaming=True)
        columns = list(stream.column_names or [])
        if not columns or column in columns:
            yield from (row[column] for row in stream.select_columns([column]))
            return
    except Exception as error:  # the library raises whatever its network and file systems do
        reason = _first_line(error)
        raise UserError(f"data.path={path} is neither there nor a data set on the hub: {reason}") from error
    raise UserError(f"data.column={column} is not in data.path={path}: it has {', '.join(columns)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
