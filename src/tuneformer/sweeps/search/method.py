"""A method of a search: one combination of the values given, with a study of its own."""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuneformer.config.plain import Config
from tuneformer.config.quoting import quoted
from tuneformer.errors import UserError
from tuneformer.runs.identity import config_hash
from tuneformer.sweeps.composing import Composed
from tuneformer.sweeps.folders import telling_apart
from tuneformer.sweeps.job_names import job_name
from tuneformer.sweeps.manifest import Entry, Manifest
from tuneformer.sweeps.points import Point, key_of
from tuneformer.sweeps.search.space import Space, read_space

ALONE = "all"
"""The name of a method where there is only one."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """What is given, the space of what is searched, and the names that its folders and its study have."""

    composed: Composed = field(repr=False)
    named: tuple[str, ...]
    space: Space

    @property
    def point(self) -> Point:
        """Its overrides."""
        return self.composed.point

    @property
    def name(self) -> str:
        """The part of its study's name behind that of the sweep."""
        return job_name(self.named) if self.named else ALONE

    @property
    def digest(self) -> str:
        """What is trained, the searched settings aside, and which settings those are."""
        config = copy.deepcopy(self.composed.config)
        for path in self.space:
            _clear(config, path)
        text = config_hash(config) + ",".join(sorted(self.space))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_method(composed: Composed, *, keys: frozenset[str], may_be_empty: bool = False) -> Method:
    """The method of a point, named by its overrides of `keys`; what the point gives is not searched.

    `may_be_empty`: whether nothing may be left of its space.
    """
    given = {key_of(override).lstrip("+~") for override in composed.point}
    space = read_space(
        composed.config["search"]["spaces"],
        composed.hydra.runtime.choices.optimizer,
        given=given,
        may_be_empty=may_be_empty,
    )
    named = tuple(override for override in composed.point if key_of(override) in keys)
    return Method(composed=composed, named=named, space=space)


def named_apart(
    method: Method, *, sweep: str, studies: Mapping[str, str | None], manifest: Manifest
) -> Method:
    """The method, its name longer by what it differs in from other methods of the sweep.

    Args:
        method: as `make_method` names it.
        sweep: what the names of the sweep's studies begin with.
        studies: the digest of the method of each study there is; None where none is known.
        manifest: the sweep's jobs, from which the other methods' overrides are known.

    Raises:
        UserError: another method has the name, and was given the same settings.
    """
    named = method
    while studies.get(f"{sweep}/{named.name}") not in (None, method.digest):
        other = _trial_of(f"{sweep}/{named.name}", manifest)
        more = telling_apart(method.composed, other, named.named) if other is not None else []
        more = [override for override in more if key_of(override) not in method.space]
        if not more:
            raise UserError(
                f"sweep={sweep} holds other trials: its study {named.name} is of another configuration;"
                " choose another sweep=<name>"
            )
        named = Method(composed=method.composed, named=(*named.named, *more), space=method.space)
    return named


def _trial_of(study: str, manifest: Manifest) -> Entry | None:
    bound = f"search.study={quoted(study)}"
    return next((entry for entry in manifest.jobs.values() if bound in entry.overrides), None)


def _clear(config: Config, path: str) -> None:
    *parents, last = path.split(".")
    node: Any = config
    for key in parents:
        node = node.get(key, {})
    node[last] = None
