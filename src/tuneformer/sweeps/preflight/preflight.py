"""Every job built and a few steps timed, before the first begins."""

from collections.abc import Mapping, Sequence

from tuneformer.errors import UserError
from tuneformer.sweeps.job import Job, Outcome
from tuneformer.sweeps.launchers.launcher import Launcher
from tuneformer.sweeps.preflight.table import Flight, print_table


def preflight(
    jobs: Sequence[Job],
    known: Mapping[str, Outcome],
    settled: frozenset[str],
    *,
    launcher: Launcher,
    timed: bool,
) -> None:
    """Builds every job that is not settled, and prints the table.

    Args:
        jobs: all jobs of the sweep.
        known: by the name of a job, what became of it in an earlier attempt.
        settled: the names of those that do not run again; torch is not loaded for them.
        launcher: where the jobs will run, and where building and timing is done.
        timed: whether steps are timed as well.

    Raises:
        UserError: a job that cannot be built, with the point and the reason.
    """
    left = [job for job in jobs if job.name not in settled]
    if left:
        launcher.check([job.config for job in left])
    found_of = launcher.examine(left, timed=timed) if left else []
    examined = dict(zip([job.name for job in left], found_of, strict=True))
    flights = []
    for job in jobs:
        found = examined.get(job.name)
        if isinstance(found, UserError):
            raise UserError(f"{found} (in the job {' '.join(job.point)})") from found
        flights.append(
            Flight(
                job=job,
                outcome=known.get(job.name),
                settled=job.name in settled,
                parameters=found.parameters if found else None,
                units=f"{found.units:,} {found.unit}" if found else None,
                seconds_per_step=found.seconds_per_step if found else None,
            )
        )
    print_table(flights, n_jobs=launcher.at_a_time() if left else 1)
