"""A job's training, with what it raises as one line."""

from tuneformer.sweeps.job import Job
from tuneformer.training.start import train


def train_job(job: Job) -> str | None:
    """Trains the job in this process; None, or its error in one line. A signal passes through."""
    try:
        job.tell_hydra()
        train(job.config)
    except Exception as error:  # it has been recorded with its traceback, and the other jobs go on
        lines = str(error).strip().splitlines()
        return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__
    return None
