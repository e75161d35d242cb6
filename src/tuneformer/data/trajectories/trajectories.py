"""Episodes of an environment, recorded by policies of several qualities, or read from a file."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from tuneformer.config.ranges import FINITE, Number, whole
from tuneformer.config.setting import Setting
from tuneformer.data.code_digest import code_digest
from tuneformer.data.contract import Data
from tuneformer.data.draws import philox
from tuneformer.data.prepared_cache import PreparedCache, content_hash
from tuneformer.data.settings import (
    COUNT,
    FILLED_IN,
    HALF,
    BatchSize,
    CacheDir,
    EvalBatchSize,
    TaskName,
    Workers,
    check_follows,
)
from tuneformer.data.task_facts import MetricFacts, TaskFacts
from tuneformer.data.trajectories.behaviour import CHANCE, record_episodes
from tuneformer.data.trajectories.environments import (
    T_MAZE,
    check_same_environment,
    facts_of,
    import_gymnasium,
    open_environment,
)
from tuneformer.data.trajectories.episodes import Episodes, EpisodesHead, read_episodes, write_episodes
from tuneformer.data.trajectories.windows import Acting, TrajectorySplits, scaling_of
from tuneformer.errors import UserError

if TYPE_CHECKING:
    from tuneformer.data.trajectories.window_batches import WindowBatches

EPISODES_FILE = "episodes.npz"
SPLITTING = (1 << 63) + 3
"""The key of the order in which episodes are dealt to the splits."""
ASKED = (0.0, 0.25, 0.5, 0.75)
"""Where the returns lie that the test asks for beside the target: 0 is that of acting at random."""
COMMON = 0.9
"""The share of the training episodes whose return is at most the one that is asked for by default."""
ACTING = TaskFacts(
    name="acting",
    done_by="tuneformer.tasks.acting.ActingTask",
    metrics=(
        MetricFacts(name="loss", label="loss"),
        MetricFacts(name="return", label="return", form="{:.2f}", higher_is_better=True),
        MetricFacts(name="return_low", form="{:.2f}", higher_is_better=True),
        MetricFacts(name="return_high", form="{:.2f}", higher_is_better=True),
        MetricFacts(name="normalized_score", label="normalised score", higher_is_better=True),
    ),
    inputs=("numbers", "numbers", "numbers", "numbers"),
    shards=False,
    analysed=False,
)


@dataclass(frozen=True, kw_only=True)
class Trajectories(Data[TrajectorySplits]):
    """Episodes of (state, action, reward), split by episode; a model learns the actions.

    They are those of `path`, or else `n_episodes` are recorded, the `policies` taking turns: random acts at
    random, noisy half of the time, expert 5 % of it, and otherwise as a scripted expert does. Evaluation acts
    in the environment: `eval_episodes` episodes whose seeds no recorded one has.

    Raises:
        UserError: a setting is not allowed.
    """

    tasks = (ACTING,)

    task: TaskName
    environment: Annotated[str, Setting(f"of gymnasium, by its name there; or {T_MAZE}")]
    corridor: Annotated[
        int | None,
        Setting(
            f"cells between the cue and the choice of {T_MAZE}",
            whole(1, 10**6),
            null="of no other environment",
        ),
    ]
    path: Annotated[
        str | None,
        Setting(
            "a file of recorded episodes", null="they are recorded, and kept in cache_dir", weights=False
        ),
    ]
    policies: Annotated[tuple[str, ...], Setting("who acts in recorded episodes, in turn", tuple(CHANCE))]
    n_episodes: Annotated[int, Setting("episodes that are recorded", whole(3, 10**6))]
    held_out: Annotated[Number, Setting("share of the episodes that validates, and as much that tests", HALF)]
    context_length: Annotated[int, Setting("steps that a model sees at once", COUNT, unit="steps")]
    target_return: Annotated[
        Number | None,
        Setting(
            "return that is asked of a model that acts",
            FINITE,
            null="the one that a tenth of the training episodes reach",
            weights=False,
        ),
    ]
    eval_episodes: Annotated[
        int, Setting("episodes that validation and test act in", whole(2, 10**5), weights=False)
    ]
    n_states: Annotated[
        int | None, Setting("elements of a state", COUNT, null=FILLED_IN, weights=False, from_data=True)
    ]
    n_actions: Annotated[
        int | None,
        Setting("actions, or elements of one", COUNT, null=FILLED_IN, weights=False, from_data=True),
    ]
    n_times: Annotated[
        int | None,
        Setting("steps of the longest episode", COUNT, null=FILLED_IN, weights=False, from_data=True),
    ]
    batch_size: BatchSize
    eval_batch_size: EvalBatchSize
    num_workers: Workers
    cache_dir: CacheDir

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.environment == T_MAZE) != (self.corridor is not None):
            raise UserError(
                f"data.corridor={self.corridor} does not go with data.environment={self.environment}:"
                f" {T_MAZE} has one, and nothing else"
            )

    @property
    def unit(self) -> str:
        return "steps"

    @property
    def units_per_step(self) -> int:
        return self.batch_size * self.context_length

    def prepare(self) -> TrajectorySplits:
        """Read, record or find the episodes, and split them.

        Raises:
            UserError: the environment or the file cannot be used, or a split would have no episode.
        """
        head, found = self._recorded() if self.path is None else self._given(self.path)
        episodes = self._split(found)
        prepared = self._prepared(head, episodes)
        check_follows(self, prepared.needs)
        return prepared

    def batch_source(self, prepared: TrajectorySplits, *, seed: int) -> "WindowBatches":
        from tuneformer.data.trajectories.window_batches import WindowBatches

        return WindowBatches(prepared, batch_size=self.batch_size, seed=seed)

    def _given(self, path: str) -> tuple[EpisodesHead, Episodes]:
        named = f"data.path={path}"
        head, episodes = read_episodes(Path(path).expanduser(), named=named)
        environment = open_environment(self.environment, corridor=self.corridor)
        asked = facts_of(environment, name=self.environment, corridor=self.corridor)
        environment.close()
        check_same_environment(head, asked, named=named)
        return head, episodes

    def _recorded(self) -> tuple[EpisodesHead, Episodes]:
        code, version = code_digest(record_episodes), import_gymnasium().__version__
        recorded = [self.environment, self.corridor, list(self.policies), self.n_episodes]
        content = content_hash(code, version, recorded)
        cache = PreparedCache(Path(self.cache_dir).expanduser(), folder="trajectories", load=_load)
        return cache.find_content(content) or cache.build(content, self._record)

    def _record(self, folder: Path) -> None:
        head, episodes = record_episodes(
            self.environment, corridor=self.corridor, policies=self.policies, n_episodes=self.n_episodes
        )
        write_episodes(folder / EPISODES_FILE, head, episodes)

    def _split(self, episodes: Episodes) -> dict[str, Episodes]:
        n = len(episodes.lengths)
        held = round(self.held_out * n)
        if not 0 < held < n / 2:
            raise UserError(
                f"data.held_out={self.held_out} of {n:,} episodes leaves a split without one: give more"
            )
        order = philox(SPLITTING, 0).permutation(n)
        parts = {"validation": order[:held], "test": order[held : 2 * held], "train": order[2 * held :]}
        return {name: episodes.take(np.sort(numbers)) for name, numbers in parts.items()}

    def _prepared(self, head: EpisodesHead, episodes: dict[str, Episodes]) -> TrajectorySplits:
        returns = episodes["train"].returns
        target = self.target_return
        if target is None:
            target = float(np.quantile(returns, COMMON, method="inverted_cdf"))
        notes = [
            f"returns of the training episodes: {returns.min():,.1f} to {returns.max():,.1f}, at random"
            f" {head.random_return:,.1f}, of the expert {head.expert_return:,.1f}; asked for: {target:,.1f}"
        ]
        if target > returns.max():
            notes.append(f"data.target_return={target} was never reached: the best is {returns.max():,.1f}")
        acting = Acting(
            n_episodes=self.eval_episodes,
            target=float(target),
            asked=tuple(head.random_return + share * (target - head.random_return) for share in ASKED),
            context_length=self.context_length,
        )
        return TrajectorySplits(
            head=head,
            episodes=episodes,
            scaling=scaling_of(episodes["train"]),
            acting=acting,
            fingerprint=_fingerprint(head, episodes),
            notes=notes,
        )


def _load(folder: Path) -> tuple[EpisodesHead, Episodes] | None:
    try:
        return read_episodes(folder / EPISODES_FILE, named=str(folder))
    except UserError:
        return None


def _fingerprint(head: EpisodesHead, episodes: dict[str, Episodes]) -> str:
    digest = hashlib.sha256(repr(sorted(asdict(head).items())).encode())
    for part in episodes.values():
        for array in part:
            digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
