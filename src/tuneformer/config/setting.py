"""What a component can be set to, said once: beside the argument that takes it.

A component is the class or function that a `_target_` names. It annotates its keyword arguments:

    Floor = Annotated[Number, Setting("last rate / peak rate", ZERO_TO_ONE)]

    def linear(step: int, *, horizon: int, floor: Floor) -> float: ...

Type, range, words, meaning and source are read from there by the checks, their messages and docs/settings.md;
the YAML file of an option holds the value alone. An argument without a `Setting`, as `horizon`, is given by
the program. Nothing here imports torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from tuneformer.config.ranges import Range


@dataclass(frozen=True)
class Setting:
    """What a setting means and which values it may have.

    Attributes:
        what: what it sets.
        allowed: the interval of a number, or the words that it may be; None of a flag and of free text.
        unit: what its number counts.
        null: what null means, where it may be null.
        auto: what the word auto means, where it stands for a number or a flag.
        source: which values are usual, and who says so.
    """

    what: str
    allowed: Range | tuple[str, ...] | None = None
    _: KW_ONLY
    unit: str = ""
    null: str = ""
    auto: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A setting of one component: its name there, its types, and what is said of it."""

    name: str
    types: tuple[type, ...]
    may_be_null: bool
    setting: Setting

    @property
    def kind(self) -> str:
        """What a value must be, in words."""
        others = [AUTO] * bool(self.setting.auto) + ["null"] * self.may_be_null
        return " or ".join([_KINDS[self.types], *others])


AUTO = "auto"
"""The word for what is left to be found out."""

_KINDS: dict[tuple[type, ...], str] = {
    (bool,): "true or false",
    (int,): "a whole number",
    (float,): "a number",
    (int, float): "a number",
    (str,): "text",
}


@cache
def arguments_of(component: Callable[..., Any]) -> Mapping[str, Argument]:
    """The settings of a component by name, in its order; empty where it describes none.

    Raises:
        TypeError: a setting is of a type that no YAML value has, or a number without a range.
    """
    target = component.__init__ if isinstance(component, type) else component
    hints = get_type_hints(target, include_extras=True)
    found = {name: _argument(name, hint) for name, hint in hints.items()}
    return {name: argument for name, argument in found.items() if argument is not None}


def _argument(name: str, hint: Any) -> Argument | None:
    if get_origin(hint) is not Annotated:
        return None
    of, *notes = get_args(hint)
    setting = next((note for note in notes if isinstance(note, Setting)), None)
    if setting is None:
        return None
    members = get_args(of) if get_origin(of) in (Union, UnionType) else (of,)
    word = {str} if setting.auto else set[type]()
    types = tuple(member for member in members if member is not NoneType and member not in word)
    if types not in _KINDS:
        raise TypeError(f"{name}: {of} is no type of a setting")
    if (int in types or float in types) != isinstance(setting.allowed, Range):
        raise TypeError(f"{name} is of {of}: a number has a range, and nothing else has")
    return Argument(name=name, types=types, may_be_null=NoneType in members, setting=setting)
