"""Which code makes prepared data what it is: whatever else is edited, the data need not be made anew."""

import ast
import hashlib
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

Component = type | Callable[..., Any]

PROJECT, OURS = "tuneformer", "tuneformer.data"
"""Of the modules of this project only those in here read or make data."""
INSTALLED = ("site-packages", "dist-packages")


def code_digest(*components: Component, alone: Iterable[Component] = ()) -> str:
    """SHA-256 of the source files that make what the components do.

    They are the modules of the functions, of the classes and of the bases of these, and what they import, at
    any depth: of this project those of its data, of others those of one package or folder. A class that was
    typed in has no file; its digest is another each time, so that nothing that was made by it is found.

    Args:
        components: readers of text, tokenizers, writers of files.
        alone: components whose module counts, but neither their bases nor what they import.
    """
    counted = {component.__module__ for component in alone}
    waiting = [name for component in components for name in _modules_of(component, set(alone))]
    while waiting:
        name = waiting.pop()
        if name not in counted:
            counted.add(name)
            waiting += _imported(name)
    digest = hashlib.sha256()
    for name in sorted(counted):
        digest.update(name.encode() + _source(name))
    return digest.hexdigest()


def _modules_of(component: Component, alone: set[Component]) -> Iterator[str]:
    for base in component.__mro__[:-1] if isinstance(component, type) else (component,):
        if base in alone:
            return
        yield base.__module__


def _imported(name: str) -> list[str]:
    """The modules that a module imports, as far as they count."""
    file = _file(name)
    package = name if file is not None and file.name == "__init__.py" else name.rpartition(".")[0]
    found = _imports(_source(name), package) if file is not None else ()
    return sorted(other for other in found if _counts(other, of=name))


@cache
def _imports(source: bytes, package: str) -> frozenset[str]:
    """What a module of a package imports: modules, and what may be one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            found.update((module, *(f"{module}.{alias.name}" for alias in node.names)))
    return frozenset(found)


def _counts(name: str, *, of: str) -> bool:
    top, own = name.partition(".")[0], of.partition(".")[0]
    if top == PROJECT:
        return name.startswith(f"{OURS}.") and _file(name) is not None
    return (top == own or (own != PROJECT and _beside(top, own))) and _file(name) is not None


def _beside(top: str, own: str) -> bool:
    """Whether two modules or packages lie in one folder, and not among all that are installed."""
    folders = {_folder(top), _folder(own)}
    return len(folders) == 1 and all(folder and folder.name not in INSTALLED for folder in folders)


@cache
def _folder(top: str) -> Path | None:
    """The folder that a module or package lies in; None where it has no source file."""
    if top in sys.modules:
        found = getattr(sys.modules[top], "__file__", None)
    else:
        spec = find_spec(top)
        found = spec.origin if spec is not None and spec.has_location else None
    if found is None or not found.endswith(".py"):
        return None
    return Path(found).parents[Path(found).name == "__init__.py"]


@cache
def _file(name: str) -> Path | None:
    """The source file of a module, which is not imported for it; None where there is none."""
    known = getattr(sys.modules.get(name), "__file__", None)
    if known is not None:
        return Path(known) if known.endswith(".py") else None
    folder = _folder(name.partition(".")[0])
    if folder is None:
        return None
    path = folder.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _source(name: str) -> bytes:
    file = _file(name)
    return secrets.token_bytes() if file is None else file.read_bytes()
