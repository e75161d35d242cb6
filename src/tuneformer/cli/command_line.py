"""What stands between our commands and Hydra: our plugins before it, one clear line after it."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig

from tuneformer.checks.config import check_config, check_single_run, checked_config
from tuneformer.checks.run_overrides import with_run_settings
from tuneformer.config.argument_form import check_form
from tuneformer.config.compose import compose_choices
from tuneformer.config.help_page import help_page
from tuneformer.config.hydra_guard import check_flags, guarded_hydra
from tuneformer.config.messages import COMPOSING_ERRORS, check_choices, one_line
from tuneformer.config.open_options import with_added_settings
from tuneformer.config.places import path_argument
from tuneformer.config.plain import Config
from tuneformer.config.ranges import Number, Range, check_finite
from tuneformer.config.schema import register_with_hydra
from tuneformer.config.shown import printable
from tuneformer.errors import UserError
from tuneformer.process.invocation import remember_start, start_words
from tuneformer.process.lean_imports import keep_imports_lean
from tuneformer.process.terminal import say, show
from tuneformer.process.unfailing_output import open_closed_descriptors, unfailing_output
from tuneformer.sweeps.sweeper import TuneformerSweeper, Typed

FULL_ERROR = "HYDRA_FULL_ERROR"
BAD_INPUT = 2
LONGEST_MESSAGE = 200


def run_hydra(command: Callable[[], object]) -> None:
    """Runs a function that `hydra.main` decorates, with our root, our sweeper and our checks."""
    register_with_hydra()
    Plugins.instance().register(TuneformerSweeper)
    parser = get_args_parser()
    _check_form(parser)
    check_choices(sys.argv[1:])
    _add_run_settings()
    given = _parsed(parser)
    check_flags(sys.argv[1:])
    if given.help:
        show(help_page(with_added_settings(given.overrides), given.config_dir))
        return
    with guarded_hydra():
        if given.multirun:
            _run_sweep(command, given.overrides)
            return
        sys.argv[1:] = with_added_settings(sys.argv[1:])
        command()


def _parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.exit_on_error = False  # nor is the usage shown
    try:
        return parser.parse_intermixed_args()
    except argparse.ArgumentError as error:
        raise _not_understood(str(error)) from error


def _not_understood(message: str) -> UserError:
    return UserError(f"{printable(message, at_most=LONGEST_MESSAGE)} (--help lists what can be given)")


def _run_sweep(command: Callable[[], object], overrides: list[str]) -> None:
    """Runs the command; Hydra hears of --multirun, and the sweeper alone of what its jobs are composed of.

    Hydra would judge every setting that is fixed by the default options, whatever options the jobs choose.
    """
    typed = sys.argv[1:]
    TuneformerSweeper.typed = Typed(command=typed, overrides=overrides)
    sys.argv[1:] = [argument for argument in typed if argument not in overrides]
    try:
        command()
    finally:
        TuneformerSweeper.typed = None
        sys.argv[1:] = typed


def run_script(command: Callable[[], object]) -> None:
    """Runs the command of a script in a checkout, which `python <script>` started."""
    remember_start("python", sys.argv[0])
    run_command(command)


def run_command(command: Callable[[], object]) -> None:
    """Runs a command; what the user can mend ends in one line and exit status 2.

    With HYDRA_FULL_ERROR=1 in the environment the whole traceback is shown instead. Output that nobody reads
    any more ends no command.
    """
    keep_imports_lean()
    open_closed_descriptors()
    with unfailing_output(until_exit=True):
        _run_in_one_line(command)


def _run_in_one_line(command: Callable[[], object]) -> None:
    if os.environ.get(FULL_ERROR):
        command()
        return
    # otherwise Hydra would print several lines by itself and exit
    os.environ[FULL_ERROR] = "1"
    try:
        command()
    except UserError as error:
        fail(error)
    except COMPOSING_ERRORS as error:
        fail(one_line(error, _known_settings()))
    except OSError as error:
        if error.filename is None:
            raise
        fail(UserError(f"{error.filename} cannot be read or written: {error.strerror}"))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        os.environ.pop(FULL_ERROR, None)


def run_job(config: DictConfig) -> float | None:
    """One job of Hydra's: checks its configuration, trains it, and returns its final `optimized_metric`.

    What the user can mend ends a single run here and now, since Hydra would add lines of its own; in a
    sweep it is the failure of this job, and the others go on.
    """
    from tuneformer.training.start import train

    hydra = cast(DictConfig, HydraConfig.get())
    try:
        checked = check_config(config, hydra)
        if hydra.mode is RunMode.RUN:
            check_single_run(checked, hydra)
        return train(checked)
    except UserError as error:
        if hydra.mode is not RunMode.RUN:
            raise
        fail(error)


class CommandParser(argparse.ArgumentParser):
    """The options of a script; what it does not take is one line, without the usage."""

    def __init__(self, description: str | None) -> None:
        super().__init__(
            prog=" ".join(start_words()),
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

        self.register("type", Path, path_argument)  # empty, a path would be the working directory

    def add_number(
        self, name: str, allowed: Range, *, of: type[Number] = int, default: Number | None, what: str
    ) -> None:
        """Adds an option that is a number; one outside its range ends the command in one line."""
        self.add_argument(name, action=_InRange, allowed=allowed, type=of, default=default, help=what)

    def error(self, message: str) -> NoReturn:
        fail(_not_understood(message))


class _InRange(argparse.Action):
    """Takes a number within a range."""

    def __init__(self, option_strings: Sequence[str], *, allowed: Range, **given: Any) -> None:
        super().__init__(option_strings, **given)
        self.allowed = allowed

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, *_: Any
    ) -> None:
        name = self.option_strings[0]
        check_finite(name, value)
        self.allowed.check(name, value)
        setattr(namespace, self.dest, value)


class OverridesParser(CommandParser):
    """The same of a command that takes the settings of training and its --config-dir."""

    def __init__(self, description: str | None) -> None:
        super().__init__(description)
        self.add_argument("overrides", nargs="*", help="settings, as for training")
        _add_config_dir(self)

    def read(self) -> argparse.Namespace:
        """What was typed; UserError for what is neither an override nor an option."""
        _check_form(self)
        return self.parse_intermixed_args()


def _check_form(parser: argparse.ArgumentParser) -> None:
    options = parser._option_string_actions
    check_form(sys.argv[1:], options, [name for name, action in options.items() if action.nargs != 0])


def config_of(given: argparse.Namespace, *more: str) -> Config:
    """The checked configuration that train.py would train with the overrides of a script, and `more`."""
    return checked_config([*given.overrides, *more], given.config_dir)


def _add_config_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config-dir", "-cd", help="a folder of further options, beside those of the project"
    )


def fail(error: UserError) -> NoReturn:
    """One line to the person at the terminal, and exit status 2."""
    say(f"error: {error}")
    sys.exit(BAD_INPUT)


def _add_run_settings() -> None:
    """Puts the overrides that `run_dir=` of a run that has begun stands for before all that is typed."""
    given = _typed()
    if given is not None and given.overrides and not given.multirun:
        whole = with_run_settings(given.overrides, given.config_dir)
        sys.argv[1:1] = whole[: len(whole) - len(given.overrides)]


def _known_settings() -> DictConfig | None:
    """The settings that the command line could have named, given the options it chose."""
    given = _typed()
    if given is None:
        return None
    return compose_choices([override for override in given.overrides if "=" in override], given.config_dir)


def _typed() -> argparse.Namespace | None:
    """The command line as Hydra reads it; None where it cannot."""
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        return parser.parse_known_intermixed_args(sys.argv[1:])[0]
    except argparse.ArgumentError:
        return None
