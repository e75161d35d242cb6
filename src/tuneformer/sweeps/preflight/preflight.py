"""Every job built and a few steps timed, before the first begins."""

from collections.abc import Mapping

from tuneformer.errors import UserError
from tuneformer.sweeps.job import Outcome
from tuneformer.sweeps.launchers.launcher import Launcher
from tuneformer.sweeps.plan import Plan
from tuneformer.sweeps.preflight.table import Flight, print_table
from tuneformer.sweeps.sweep import is_settled


def preflight(
    plan: Plan, known: Mapping[str, Outcome], *, launcher: Launcher, timed: bool, retry_failed: bool
) -> None:
    """Builds every job that is not done, and prints the table.

    Args:
        plan: its sample is built; torch is not loaded where nothing is left to run.
        known: by the name of a job, what became of it in an earlier attempt.
        launcher: where the jobs will run, and where building and timing is done.
        timed: whether steps are timed as well.
        retry_failed: whether jobs that failed run again.

    Raises:
        UserError: a job that cannot be built or launched, with the point and the reason.
    """
    settled = {name for name, out in known.items() if is_settled(out, retry_failed=retry_failed)}
    left = [job for job in plan.sample if job.name not in settled]
    if left:
        launcher.check([job.config for job in left])
    built = launcher.examine(left, timed=timed) if left else []
    examined = dict(zip([job.name for job in left], built, strict=True))
    flights = []
    for job in plan.sample:
        found = examined.get(job.name)
        if isinstance(found, UserError):
            raise UserError(f"{found} (in the job {' '.join(job.point)})") from found
        jobs, done = plan.counts(job)
        flights.append(
            Flight(
                job=job,
                jobs=jobs,
                done=done,
                failed=int(job.name in settled and not done),
                steps=known[job.name].steps if job.name in known and job.name not in settled else 0,
                parameters=found.parameters if found else None,
                units=f"{found.units:,} {found.unit}" if found else None,
                seconds_per_step=found.seconds_per_step if found else None,
            )
        )
    print_table(flights, n_jobs=launcher.at_a_time() if left else 1)
