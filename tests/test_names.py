"""A class has a name of its own, and a table of plain values one alias."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TREES = ("src", "studies", "benchmarks")
TABLES = ("dict", "Mapping", "MutableMapping")

pytestmark = pytest.mark.fast


def classes(module: ast.Module) -> Iterator[str]:
    """The names of the classes of a module."""
    return (node.name for node in module.body if isinstance(node, ast.ClassDef))


def aliases(module: ast.Module) -> Iterator[str]:
    """The names that a module gives to a table of anything, as in `Config = dict[str, Any]`."""
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and is_table_of_anything(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def is_table_of_anything(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Subscript) and any(
        ast.unparse(node) == f"{table}[str, Any]" for table in TABLES
    )


def doubles(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Name -> the files that declare it, of what more than one declaration has."""
    found = defaultdict[str, list[str]](list)
    for file, source in sources.items():
        module = ast.parse(source)
        for name in (*classes(module), *aliases(module)):
            found[name].append(file)
    return {name: files for name, files in found.items() if len(files) > 1}


def test_no_name_is_declared_twice() -> None:
    files = [file for tree in TREES for file in sorted((ROOT / tree).rglob("*.py"))]
    assert len(files) > 100
    assert doubles({str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}) == {}


@pytest.mark.parametrize(
    "source",
    [
        "class Job:\n    size: int\n",
        "class Job(Base): ...",
        "Job = dict[str, Any]",
        "Job = Mapping[str, Any]",
        "Job: TypeAlias = dict[str, Any]",
    ],
)
def test_a_planted_double_is_found(source: str) -> None:
    first = "class Job: ...\n" if source.startswith("class") else "Job = dict[str, Any]\n"
    assert doubles({"a.py": first, "b.py": source, "c.py": "job = dict[str, int]"}) == {
        "Job": ["a.py", "b.py"]
    }
