"""What is possible where a run directory holds a run of another configuration: said, not only refused."""

from contextlib import suppress

from tuneformer.config.callback_facts import averaging_callbacks
from tuneformer.config.plain import Config
from tuneformer.errors import UserError
from tuneformer.optim.schedules import cooldown_start, warmup_steps
from tuneformer.runs.directory import RunDirectory
from tuneformer.runs.identity import determining
from tuneformer.runs.needed_fields import OF_A_STABLE_SCHEDULE, OF_A_TRUNK, first_absent
from tuneformer.runs.origin import STARTED_FROM, check_architecture
from tuneformer.runs.record import ENDED

HORIZON = "trainer.max_steps"


def alternatives(config: Config, directory: RunDirectory) -> str:
    """What to type for what `config` asks of the run in `directory`, in words; empty where nothing helps.

    A trunk with a stable rate can be cooled down (`branch_from`), a finished run of the same architecture
    started from (`init_from`), and one that has not ended gone on with.
    """
    record = directory.readable_record()
    try:
        there = directory.read_config()
    except UserError:
        return ""
    if record is None or (record.status in ENDED and record.status not in STARTED_FROM):
        return ""
    if record.status not in STARTED_FROM:
        return f"; run_dir={directory} with nothing else typed goes on with it as it is"
    ways = []
    changed = _changed(config, there)
    if all(path == HORIZON or path.startswith("scheduler.") for path in changed):
        with suppress(UserError):  # the schedule there is none
            ways += _cooldown(config, there, directory)
    if _same_architecture(config, there):
        ways.append(f"init_from={directory} for a new run that starts from its weights")
    if not ways:
        return ""
    return f"; in another run_dir, with the other settings typed as there: {', or '.join(ways)}"


def _changed(config: Config, there: Config) -> list[str]:
    here, other = determining(config), determining(there)
    return [path for path in here.keys() | other.keys() if here.get(path) != other.get(path)]


def _cooldown(config: Config, there: Config, directory: RunDirectory) -> list[str]:
    """The branch that ends at the horizon asked for, if the trunk's last checkpoint can be gone on from."""
    if first_absent(there, (*OF_A_TRUNK, *OF_A_STABLE_SCHEDULE)) is not None:
        return []
    trunk, horizon = there["trainer"]["max_steps"], config["trainer"]["max_steps"]
    stable = cooldown_start(there["scheduler"], trunk) == trunk  # so that its last checkpoint serves
    averaged = any("start" in each for each in averaging_callbacks(there["callbacks"]).values())
    if not stable or averaged or horizon <= trunk or there["param_groups"].get("weight_decay_end", 1) != 1:
        return []
    warmup = warmup_steps(there["scheduler"]["warmup"], trunk)
    return [
        f"branch_from={directory} scheduler=wsd scheduler.warmup={warmup}"
        f" scheduler.cooldown={horizon - trunk} to cool it down"
    ]


def _same_architecture(config: Config, there: Config) -> bool:
    try:
        check_architecture(config, there, "")
    except UserError:
        return False
    return True
