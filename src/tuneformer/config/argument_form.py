"""What is typed on a command line but is no override, and how it is written."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tuneformer.config.compose import compose_choices, option_folders
from tuneformer.config.full_names import full_names
from tuneformer.config.options import list_options
from tuneformer.config.schema import GROUPS
from tuneformer.errors import UserError

_KEY = re.compile(r"[+~]{0,2}[A-Za-z_][\w./@-]*")
_NUMBER = re.compile(r"-?\.?\d.*")


def check_form(arguments: Sequence[str], options: Collection[str], with_value: Collection[str]) -> None:
    """Raises UserError for the first argument that is neither an override nor one of the options.

    Args:
        arguments: as typed, without the command.
        options: the options of the command, such as `--multirun`.
        with_value: those of them that take a value, the next argument.
    """
    taken = False
    for index, argument in enumerate(arguments):
        following = arguments[index + 1 :]
        if taken:
            taken = False
        elif argument.startswith("-"):
            name, _, value = argument.partition("=")
            if not _is_option(name, options):
                raise UserError(_no_option(argument, following, _known(arguments)))
            taken = name in with_value and not value and bool(following) and following[0][:1] != "-"
        elif (apart := _split_up(argument, following)) is not None:
            typed, key, value = apart
            written = _written(key, value, _known(arguments)) or f"{key}={value}"
            raise UserError(f"{typed} is not an override: write {written}")
        elif "=" not in argument and not argument.startswith("~"):
            raise UserError(f"{argument} is not an override: {_of_a_word(argument, _known(arguments))}")


def _is_option(name: str, options: Collection[str]) -> bool:
    """Whether argparse takes it: an option, or the beginning of a long one."""
    return name in options or (name.startswith("--") and any(each.startswith(name) for each in options))


def _no_option(argument: str, following: Sequence[str], known: dict[str, Any]) -> str:
    key, _, value = argument.lstrip("-").partition("=")
    typed = argument
    if not value and following and "=" not in following[0] and not _looks_like_option(following[0]):
        typed, value = f"{argument} {following[0]}", following[0]
    written = _written(key, value or "<value>", known) or "setting=value (--help lists them)"
    return f"{typed} is not an option: settings are written without dashes, {written}"


def _split_up(argument: str, following: Sequence[str]) -> tuple[str, str, str] | None:
    """What a setting apart from its value was meant to be: all that was typed, the setting, the value."""
    rest = [*following[:2], "", ""][:2]
    key, colon, value = argument.partition(":")
    if rest[0] == "=" and rest[1]:
        return f"{argument} = {rest[1]}", argument, rest[1]
    if rest[0].startswith("=") and rest[0] != "==" and "=" not in argument:
        return f"{argument} {rest[0]}", argument, rest[0][1:]
    if "=" in argument:
        apart = argument.endswith("=") and _is_value(rest[0])
        return (f"{argument} {rest[0]}", argument[:-1], rest[0]) if apart else None
    if colon and _KEY.fullmatch(key):
        if value:
            return argument, key, value
        return (f"{argument} {rest[0]}", key, rest[0]) if _is_value(rest[0]) else None
    if _KEY.fullmatch(argument) and not argument.startswith("~") and _is_value(rest[0]):
        return f"{argument} {rest[0]}", argument, rest[0]
    return None


def _is_value(text: str) -> bool:
    return bool(text) and "=" not in text and not _looks_like_option(text) and not text.startswith("~")


def _looks_like_option(text: str) -> bool:
    return text.startswith("-") and not _NUMBER.fullmatch(text)


def _written(key: str, value: str, known: dict[str, Any]) -> str | None:
    """`setting=value` under the full name; None where nothing has such a name."""
    if not _KEY.fullmatch(key):
        return None
    exact = OmegaConf.select(OmegaConf.create(known), key.lstrip("+"), throw_on_missing=False) is not None
    names = [key] if exact or key in known else full_names(key, known)
    return " or ".join(f"{name}={value}" for name in names) or None


def _of_a_word(word: str, known: dict[str, Any]) -> str:
    groups = [group for group in (*GROUPS, "experiment") if word in list_options(group, option_folders())]
    if not groups:
        return f"write {_written(word, '<value>', known) or 'setting=value'}"
    return f"did you mean {' or '.join(f'{group}={word}' for group in groups)}?"


def _known(arguments: Sequence[str]) -> dict[str, Any]:
    config: DictConfig | None = compose_choices([argument for argument in arguments if "=" in argument])
    plain = OmegaConf.to_container(config, resolve=False) if config is not None else {}
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}
