"""What a run was made with: versions, commit, machine."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuneformer.config.registry import allowed_by_user, targets

PACKAGES = (
    "tuneformer",
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "torchmetrics",
    "wandb",
    "numpy",
)


def package_versions() -> dict[str, str]:
    """The installed version of each package that a result depends on."""
    found = {package: _installed_version(package) for package in PACKAGES}
    known = {package: number for package, number in found.items() if number is not None}
    return {"python": platform.python_version(), **known}


@cache
def _installed_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def own_sources(config: dict[str, Any]) -> dict[str, str]:
    """What identifies the user's own packages that a configuration calls: package -> hash of its sources."""
    packages = {name.partition(".")[0] for name in targets(config) if allowed_by_user(name) is not None}
    return {package: f"sources {_hash_of(package)}" for package in sorted(packages)}


def _hash_of(package: str) -> str:
    digest = hashlib.sha256()
    for name, file in _sources(package):
        digest.update(name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _sources(package: str) -> Iterator[tuple[str, Path]]:
    """The Python files of a package or module, in order; none where it cannot be found any more."""
    spec = find_spec(package)
    for folder in map(Path, (spec and spec.submodule_search_locations) or ()):
        yield from ((str(file.relative_to(folder)), file) for file in sorted(folder.rglob("*.py")))
    if spec and spec.submodule_search_locations is None and spec.origin:
        yield package, Path(spec.origin)


def git_state() -> dict[str, Any]:
    """The commit of the project's checkout and whether it had uncommitted changes; nulls outside git."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=5
    )
    return done.stdout.strip()


def host_hardware() -> dict[str, Any]:
    """What this machine is, as far as it can be told without torch."""
    return {"platform": platform.platform(), "processor": _processor(), "cpu_cores": os.cpu_count()}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
