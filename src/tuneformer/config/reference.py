"""docs/settings.md: every setting of the options whose components describe themselves.

python -m tuneformer.config.reference > docs/settings.md
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from tuneformer.config.described import described_arguments, description_of
from tuneformer.config.options import list_options, load_option
from tuneformer.config.plain import Config
from tuneformer.config.registry import PURPOSES, SHIPPED, TARGET, Place, is_order
from tuneformer.config.schema import GROUPS, root_arguments
from tuneformer.config.setting import Argument
from tuneformer.config.shown import shown
from tuneformer.config.sizes import told_by_size
from tuneformer.config.text_limits import TextLimits

HEAD = """# Settings

What each option can be set to, with the value that it ships with, as the components themselves say it.
`python train.py scheduler.floor=0` changes one.
"""


def reference(folder: Path = SHIPPED) -> str:
    """The whole page, for the options in `folder`."""
    return "\n".join([HEAD, *("\n".join(section) for section in (*_sections(folder), _root())), ""])


def _sections(folder: Path) -> Iterator[Iterator[str]]:
    for group in GROUPS:
        options = {option: load_option(group, option, [folder]) for option in list_options(group, [folder])}
        described = dict[str, str]()  # what is built: the option that its settings are listed at
        for option in sorted(options, key=lambda name: (name != "default", name)):
            for place, settings in _components((group,), options[option]):
                if description_of(place, settings) is None:
                    continue
                first = described.setdefault(f"{place} {settings.get(TARGET)}", option)
                if first == option:
                    yield _section(place, option, settings)
                elif len(place) == 1 and (others := options[first]) != settings:
                    yield _variant(group, option, settings, first, others)


def _root() -> Iterator[str]:
    yield "## Settings of no group"
    yield "| setting | may be | what it sets |"
    yield "|---|---|---|"
    for name, argument in root_arguments().items():
        yield f"| `{name}` | {may_be(argument)} | {argument.setting.what} |"


def _components(place: Place, settings: Config) -> Iterator[tuple[Place, Config]]:
    if TARGET in settings or place[0] not in PURPOSES:
        yield place, settings
    for name, value in settings.items():
        if isinstance(value, dict) and TARGET in value:
            yield from _components((*place, name), value)


def _section(place: Place, option: str, settings: Config) -> Iterator[str]:
    yield f"## {place[0]}={option}" if len(place) == 1 else f"### {'.'.join(place)} of {place[0]}={option}"
    described = description_of(place, settings)
    docstring = inspect.getdoc(described) or ""
    yield docstring.partition("\n\n")[0].replace("\n", " ")
    yield ""
    yield from _table(place, settings)


def _table(place: Place, settings: Config, *, beside: Config | None = None) -> Iterator[str]:
    """A line for each setting, of those that `beside` lacks."""
    known = {} if beside is None else beside
    arguments = {
        name: each
        for name, each in described_arguments(place, settings).items()
        if name in settings and name not in known
    }
    if not arguments:
        return
    yield "| setting | value | may be | what it sets | source |"
    yield "|---|---|---|---|---|"
    for name, argument in arguments.items():
        said, path = argument.setting, ".".join((*place, name))
        what = f"{said.what} ({said.unit})" if said.unit else said.what
        cells = [f"`{path}`", _value(argument, settings[name]), may_be(argument), what, said.source]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _value(argument: Argument, value: object) -> str:
    """The value that the option has; of a component its own table tells."""
    if argument.is_component:
        return ""
    if sized := told_by_size(value):
        default, sizes = sized
        return f"`{default}`; by size {sizes}"
    return f"`{shown(value)}`".replace("|", "\\|")


def _variant(group: str, option: str, settings: Config, first: str, others: Config) -> Iterator[str]:
    yield f"## {group}={option}"
    changed = [
        f"`{name}: {shown(value)}`"
        for name, value in settings.items()
        if name in others and value != others[name] and not is_order(name)
    ]
    lacking = [f"`{name}`" for name in others if name not in settings]
    said = [f"with {', '.join(changed)}"] * bool(changed) + [f"without {', '.join(lacking)}"] * bool(lacking)
    further = described_arguments((group,), settings).keys() & settings.keys() - others.keys()
    said += ["and with" if said else "with"] * bool(further)
    yield f"As `{group}={first}`, {', '.join(said)}{':' if further else '.'}"
    yield ""
    yield from _table((group,), settings, beside=others)


def may_be(argument: Argument) -> str:
    """The values that a setting may have, and what null and auto mean."""
    said = argument.setting
    if isinstance(said.allowed, tuple):
        values = ", ".join(f"`{word}`" for word in said.allowed)
    elif isinstance(said.allowed, TextLimits):
        values = f"{argument.kind}, {said.allowed.words}"
    elif said.allowed is not None:
        values = f"{argument.kind}, {said.allowed.interval}"
    else:
        values = argument.kind
    meanings = [f"auto: {said.auto}"] * bool(said.auto) + [f"null: {said.null}"] * argument.may_be_null
    return "; ".join([values, *meanings])


if __name__ == "__main__":
    sys.stdout.write(reference())
