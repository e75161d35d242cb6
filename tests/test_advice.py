"""What an error message tells to type is accepted."""

import pytest

from tuneformer.checks.config import checked_config
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast

SAM = "optimizer=sam"


@pytest.mark.parametrize(
    ("refused", "advice", "mended"),
    [
        ("param_groups=mup", "model=decoder_mup", "param_groups=mup model=decoder_mup"),
        ("model=decoder_mup", "param_groups=mup", "param_groups=mup model=decoder_mup"),
        ("trainer=fsdp callbacks=ema", "choose ddp", "trainer=ddp callbacks=ema"),
        (
            "experiment=translation trainer.strategy=fsdp",
            "choose ddp",
            "experiment=translation trainer.strategy=ddp",
        ),
        ("model=vit", "model=decoder", "model=decoder"),
        ("data=translation", "model=encoder_decoder", "data=translation model=encoder_decoder"),
        (f"{SAM} trainer.precision=16-mixed", "bf16-mixed", f"{SAM} trainer.precision=bf16-mixed"),
        (
            f"{SAM} trainer.accumulate_grad_batches=2",
            "must be 1",
            f"{SAM} trainer.accumulate_grad_batches=1",
        ),
        ("data=text", "data.path=<value>", "data=text data.path=some.txt"),
        ("~optimizer", "choose one of", "optimizer=adamw"),
        ("optimizer=adamx", "did you mean adam?", "optimizer=adam"),
        ("optimizer.lrr=0.1", "did you mean optimizer.lr?", "optimizer.lr=0.1"),
        ("~callbacks.sampel", "did you mean ~callbacks.sample?", "~callbacks.sample"),
        ("~callbacks.sample=3", "give no value", "~callbacks.sample"),
        (
            "attention=linear model.positions=t5",
            "choose one of rope",
            "attention=linear model.positions=rope",
        ),
        ("init_optimizer=kept", "init_from=<folder>", "init_optimizer=fresh"),
        ("tags=word", "such as [a,b]", "tags=[a,b]"),
        ("scheduler.warmup=900", "shorter than the run (trainer.max_steps=600)", "scheduler.warmup=599"),
        ("trainer.gradient_clip_val=nan", "finite", "trainer.gradient_clip_val=null"),
    ],
)
def test_what_is_advised_is_accepted(refused: str, advice: str, mended: str) -> None:
    with pytest.raises(UserError) as error:
        checked_config(refused.split())
    assert advice in str(error.value)
    assert "\n" not in str(error.value)
    checked_config(mended.split())
