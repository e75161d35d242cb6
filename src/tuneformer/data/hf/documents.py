"""The documents of a Hugging Face data set, one after the other, never all at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuneformer.errors import UserError

FORMATS = {".parquet": "parquet", ".arrow": "arrow", ".jsonl": "json", ".json": "json", ".ndjson": "json"}
# what `save_to_disk` puts beside its arrow files
DESCRIPTIONS = ("dataset_info.json", "state.json", "dataset_dict.json")
INSTALL = "pip install 'tuneformer[hf]'"


def local_files(path: Path) -> list[Path]:
    """The data files at a path or below a folder, sorted by their relative paths."""
    if path.is_file():
        return [path]
    found = (file for file in path.rglob("*") if file.suffix in FORMATS and file.name not in DESCRIPTIONS)
    return sorted(file for file in found if file.stat().st_size)


def documents(path: str, *, subset: str | None, column: str, skip: int) -> Iterator[str]:
    """The texts of a data set but the first `skip`, in its order.

    `path`: a file, a folder of files of one format (parquet, arrow, JSON lines), or a name on the hub, of
    which the split "train" is read.

    Raises:
        UserError: the package is not installed, there is no such data set, or it lacks the column.
    """
    stream = _stream(path, subset)
    columns = list(stream.column_names or [])
    if columns and column not in columns:
        raise UserError(f"data.column={column} is not in data.path={path}: it has {', '.join(columns)}")
    for row in stream.skip(skip):
        if column not in row:
            raise UserError(f"data.column={column} is not in data.path={path}: it has {', '.join(row)}")
        yield str(row[column] or "")


def _stream(path: str, subset: str | None) -> Any:
    try:
        import datasets
    except ModuleNotFoundError:
        raise UserError(f"data=hf needs a package that is not installed: {INSTALL}") from None
    try:
        local = Path(path).expanduser()
        if not local.exists():
            return datasets.load_dataset(path, subset, split="train", streaming=True)
        files = local_files(local)
        kinds = sorted({FORMATS.get(file.suffix, "other") for file in files})
        if len(kinds) != 1 or kinds == ["other"]:
            found = ", ".join(kinds) or "nothing"
            raise UserError(f"data.path={path} must hold files of one of {', '.join(FORMATS)}, not {found}")
        names = [str(file) for file in files]
        return datasets.load_dataset(kinds[0], data_files=names, split="train", streaming=True)
    except UserError:
        raise
    except Exception as error:  # the library raises whatever its network and file systems do
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"data.path={path} is neither there nor a data set on the hub: {reason}") from error
