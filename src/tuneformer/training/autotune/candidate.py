"""What may be chosen, and between what."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from tuneformer.config.plain import Config
from tuneformer.errors import UserError

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A way to train that changes the loss by rounding only; the names are those of conf/trainer."""

    precision: str
    float32_matmul_precision: str
    threads: int | None
    compile: bool

    @classmethod
    def default(cls, trainer: Mapping[str, Any], *, threads: int | None) -> Self:
        """What is set, and for what is `auto` the value of conf/trainer/default.yaml."""
        plain = {"precision": "32-true", "float32_matmul_precision": "highest", "compile": False}
        plain["threads"] = threads
        given = {name: value for name in plain if (value := trainer[name]) not in (AUTO, None)}
        return cls(**plain | given)

    @classmethod
    def recorded(cls, section: Mapping[str, Any]) -> Self:
        """What record.json says was chosen; UserError where it does not say it."""
        chosen = section.get("chosen")
        if not isinstance(chosen, dict) or chosen.keys() != cls.__dataclass_fields__.keys():
            raise UserError(
                f"record.json is damaged: fastest.chosen must have {', '.join(cls.__dataclass_fields__)}"
            )
        return cls(**chosen)

    def applied(self, config: Config) -> Config:
        """The configuration that trains so."""
        return config | {"trainer": config["trainer"] | asdict(self)}

    def __str__(self) -> str:
        """As it is typed."""
        return _typed(asdict(self))

    def beside(self, other: "Candidate") -> str:
        """As it is typed, what `other` has as well left out."""
        there = asdict(other)
        return _typed({name: value for name, value in asdict(self).items() if value != there[name]})


def _typed(settings: Mapping[str, Any]) -> str:
    return " ".join(f"trainer.{name}={str(value).lower()}" for name, value in settings.items())


def is_asked_for(trainer: Mapping[str, Any]) -> bool:
    """Whether a setting of the trainer is to be found by measuring."""
    return any(trainer[name] == AUTO for name in Candidate.__dataclass_fields__)


def uncompiled(trainer: Mapping[str, Any], *, cores: int, device: str) -> list[Candidate]:
    """The default, then every other precision and number of threads that is left open.

    On a CPU: float32 by torch's own library (`highest`), by oneDNN (`medium`) and bfloat16 autocast, with
    cores, cores / 2, ..., 1 threads. On another device: float32, TF32 (`high`) and bfloat16 autocast.
    """
    default = Candidate.default(trainer, threads=cores)
    if trainer["compile"] == AUTO:
        default = replace(default, compile=False)
    precisions = ["32-true", "bf16-mixed"] if trainer["precision"] == AUTO else [trainer["precision"]]
    products = [trainer["float32_matmul_precision"]]
    if products == [AUTO]:
        products = ["highest", "medium" if device == "cpu" else "high"]
    threads = [default.threads]
    if trainer["threads"] == AUTO and device == "cpu":
        threads = [max(1, cores >> halvings) for halvings in range(cores.bit_length())]
    found = {default: None}  # a dict keeps the order and drops what is there twice
    for precision, product, number in itertools.product(precisions, products, threads):
        if precision == "32-true" or product == products[0]:  # else no product of matrices is in float32
            found[replace(default, precision=precision, float32_matmul_precision=product, threads=number)] = (
                None
            )
    return list(found)
