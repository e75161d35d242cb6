"""What a component can be set to, said once: beside the argument that takes it.

A component is the class or function that a `_target_` names, or the settings object that describes it
(`config.described`). It annotates its keyword arguments:

    Floor = Annotated[Number, Setting("last rate / peak rate", ZERO_TO_ONE)]

    def linear(step: int, *, horizon: int, floor: Floor) -> float: ...

Type, range, words, meaning and source are read from there by the checks, their messages, the run's identity
and docs/settings.md; the YAML file of an option holds the value alone. An argument without a `Setting`, as
`horizon`, is given by the program. Nothing here imports torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, is_dataclass
from functools import cache
from inspect import Parameter, signature
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from tuneformer.config.ranges import Range
from tuneformer.config.text_limits import TextLimits


class Component:
    """The type of a setting that is a component itself, with a `_target_` and settings of its own."""


class Unchecked:
    """The type of a setting that is a group of values with checks of its own; so is a dictionary."""


@dataclass(frozen=True)
class Setting:
    """What a setting means and which values it may have.

    Attributes:
        what: what it sets.
        allowed: the interval of a number, the words that it may be, or the limits of a text; None of a flag
            and of free text. Of a list, what each element may be.
        unit: what its number counts.
        null: what null means, where it may be null.
        auto: what the word auto means, where it stands for a number or a flag.
        source: which values are usual, and who says so.
        weights: whether it determines the weights that come out; else it changes where, how fast or how
            visibly a run trains.
        from_data: whether it follows from the data, and is filled in when they are prepared.
        given: settings of a component inside that the one around it gives.
        search: low and high, between which a search looks on a logarithmic scale, unless told otherwise.
        search_below: the highest value that it means the same up to, beyond which no search goes.
        momenta: values of a momentum among which a search chooses that tunes it.
        also_try: values that often train better than the one given, the likeliest first: the check of a
            baseline tries them.
        added_later: whether runs were made before it was there: what is null is no part of what a run is.
    """

    what: str
    allowed: Range | tuple[str, ...] | TextLimits | None = None
    _: KW_ONLY
    unit: str = ""
    null: str = ""
    auto: str = ""
    source: str = ""
    weights: bool = True
    from_data: bool = False
    given: tuple[str, ...] = ()
    search: tuple[float, float] | None = None
    search_below: float | None = None
    momenta: tuple[Any, ...] = ()
    also_try: tuple[Any, ...] = ()
    added_later: bool = False


@dataclass(frozen=True)
class NotGiven:
    """Says of an argument that a library's class takes why no configuration gives it."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A setting of one component: its name there, its types, and what is said of it.

    Attributes:
        types: of the value, or of each element of a list.
        length: how many elements a list has; 0: any number above none; None: it is no list.
        may_be_missing: whether there is a default.
    """

    name: str
    types: tuple[type, ...]
    length: int | None
    may_be_null: bool
    may_be_missing: bool
    setting: Setting

    @property
    def kind(self) -> str:
        """What a value must be, in words."""
        one, several = _KINDS.get(self.types, ("a group of settings", "rules"))
        if self.length is not None:
            one = f"a list of {self.length}, each {one}" if self.length else f"a list of {several}"
        return " or ".join([one, *[AUTO] * bool(self.setting.auto), *["null"] * self.may_be_null])

    @property
    def is_component(self) -> bool:
        """Whether it has settings of its own."""
        return self.types == (Component,)


Note = TypeVar("Note", Setting, NotGiven)

AUTO = "auto"
"""The word for what is left to be found out."""

_KINDS: dict[tuple[type, ...], tuple[str, str]] = {
    (bool,): ("true or false", "flags"),
    (int,): ("a whole number", "whole numbers"),
    (float,): ("a number", "numbers"),
    (int, float): ("a number", "numbers"),
    (str,): ("text", "names"),
    (Component,): ("a group of settings", "components"),
    (Unchecked,): ("a group of settings", "groups"),
}


@cache
def arguments_of(component: Callable[..., Any]) -> Mapping[str, Argument]:
    """The settings of a component by name, in its order; empty where it describes none.

    Raises:
        TypeError: a setting is of a type that no YAML value has, or a number without a range.
    """
    target = _called(component)
    hints = _hints(component)
    if not any(_note(Setting, hint) for hint in hints.values()):
        return {}
    defaults = {
        name for name, each in signature(target).parameters.items() if each.default is not Parameter.empty
    }
    return {
        name: argument_of(name, get_args(hint)[0], setting, may_be_missing=name in defaults)
        for name, hint in hints.items()
        if (setting := _note(Setting, hint)) is not None
    }


@cache
def not_given(component: Callable[..., Any]) -> Mapping[str, str]:
    """The arguments of a component that no configuration gives: name to reason."""
    notes = {name: _note(NotGiven, hint) for name, hint in _hints(component).items()}
    return {name: note.why for name, note in notes.items() if note is not None}


def _called(component: Callable[..., Any]) -> Callable[..., Any]:
    return component.__init__ if isinstance(component, type) else component


def _hints(component: Callable[..., Any]) -> Mapping[str, Any]:
    return get_type_hints(_called(component), include_extras=True)


def _note(kind: type[Note], hint: Any) -> Note | None:
    """What stands beside a type, of one kind."""
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((note for note in notes if isinstance(note, kind)), None)


def argument_of(name: str, of: Any, setting: Setting, *, may_be_missing: bool = False) -> Argument:
    """A setting of the type `of`.

    Raises:
        TypeError: no YAML value has the type, or it is a number without a range.
    """
    members = _members(of)
    length = None
    if len(lists := [member for member in members if get_origin(member) in (tuple, list)]) == 1:
        elements = get_args(lists[0])
        length = 0 if elements[-1] is Ellipsis or get_origin(lists[0]) is list else len(elements)
        members = (*_members(elements[0]), *[NoneType] * (NoneType in members))
    word = {str} if setting.auto else set[type]()
    types = tuple(
        Unchecked if get_origin(member) is dict else member
        for member in members
        if member is not NoneType and member not in word
    )
    if types not in _KINDS and not (length == 0 and len(types) == 1 and is_dataclass(types[0])):
        raise TypeError(f"{name}: {of} is no type of a setting")
    if (int in types or float in types) != isinstance(setting.allowed, Range):
        raise TypeError(f"{name} is of {of}: a number has a range, and nothing else has")
    return Argument(
        name=name,
        types=types,
        length=length,
        may_be_null=NoneType in members,
        may_be_missing=may_be_missing,
        setting=setting,
    )


def _members(of: Any) -> tuple[Any, ...]:
    return get_args(of) if get_origin(of) in (Union, UnionType) else (of,)
