"""docs/settings.md: every setting of the options whose components describe themselves.

python -m tuneformer.config.reference > docs/settings.md
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from tuneformer.config.building import DESCRIBED, component_of, described_arguments
from tuneformer.config.options import Settings, list_options, load_option
from tuneformer.config.registry import SHIPPED, TARGET
from tuneformer.config.setting import Argument
from tuneformer.config.shown import shown

HEAD = """# Settings

What each option can be set to, with the value that it ships with, as the components themselves say it.
`python train.py scheduler.floor=0` changes one. The other groups are explained in their files in `conf/`.
"""


def reference(folder: Path = SHIPPED) -> str:
    """The whole page, for the options in `folder`."""
    return "\n".join([HEAD, *("\n".join(section) for section in _sections(folder))])


def _sections(folder: Path) -> Iterator[Iterator[str]]:
    for group in sorted(DESCRIBED):
        options = {option: load_option(group, option, [folder]) for option in list_options(group, [folder])}
        described = dict[str, str]()  # what is built: the option that its settings are listed at
        for option in sorted(options, key=lambda name: (name != "default", name)):
            first = described.setdefault(options[option][TARGET], option)
            if first == option:
                yield _section(group, option, options[option])
            else:
                yield _variant(group, option, options[option], first, options[first])


def _section(group: str, option: str, settings: Settings) -> Iterator[str]:
    yield f"## {group}={option}"
    docstring = inspect.getdoc(component_of(group, settings)) or ""
    yield docstring.partition("\n\n")[0].replace("\n", " ")
    yield ""
    arguments = described_arguments(group, settings)
    if not arguments:
        return
    yield "| setting | value | may be | what it sets | source |"
    yield "|---|---|---|---|---|"
    for name, argument in arguments.items():
        said = argument.setting
        what = f"{said.what} ({said.unit})" if said.unit else said.what
        cells = [f"`{group}.{name}`", f"`{shown(settings[name])}`", _may_be(argument), what, said.source]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _variant(group: str, option: str, settings: Settings, first: str, others: Settings) -> Iterator[str]:
    yield f"## {group}={option}"
    changed = [f"`{name}: {shown(value)}`" for name, value in settings.items() if value != others[name]]
    yield f"As `{group}={first}`, with {', '.join(changed)}."
    yield ""


def _may_be(argument: Argument) -> str:
    said = argument.setting
    if isinstance(said.allowed, tuple):
        values = ", ".join(f"`{word}`" for word in said.allowed)
    elif said.allowed is not None:
        values = f"{argument.kind}, {said.allowed.interval}"
    else:
        values = argument.kind
    meanings = [f"auto: {said.auto}"] * bool(said.auto) + [f"null: {said.null}"] * argument.may_be_null
    return "; ".join([values, *meanings])


if __name__ == "__main__":
    sys.stdout.write(reference())
