"""The same decoder on other devices, in other precisions, compiled, pickled."""

import io
import pickle
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tuneformer.models.decoder import Decoder
from tuneformer.models.settings import POSITIONS

Build = Callable[..., Decoder]


@pytest.mark.fast
@pytest.mark.parametrize("positions", POSITIONS)
def test_a_model_built_on_the_meta_device_can_be_filled_later(
    decoder: Build, tokens: Tensor, positions: str
) -> None:
    expected = decoder(positions=positions)
    with torch.device("meta"):
        model = decoder(positions=positions)
        assert model(tokens.to("meta")).shape == (3, 12, 11)
    assert all(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])
    model.to_empty(device="cpu")
    torch.default_generator.manual_seed(0)
    model.initialize()
    torch.testing.assert_close(model(tokens), expected(tokens), rtol=0, atol=0)


@pytest.mark.fast
@pytest.mark.parametrize("positions", POSITIONS)
def test_bfloat16_autocast_is_close_to_float32(decoder: Build, tokens: Tensor, positions: str) -> None:
    model = decoder(positions=positions, qk_norm=True, initialization="xavier")
    expected = model(tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(tokens)
        logits.float().square().mean().backward()
    # eight bits of mantissa, through some ten products in a row
    error = (logits.float() - expected).norm() / expected.norm()
    assert 0 < error < 10 * 2**-8
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.fast
@pytest.mark.parametrize("positions", POSITIONS)
def test_a_model_cast_to_bfloat16_is_close_to_float32(decoder: Build, tokens: Tensor, positions: str) -> None:
    model = decoder(positions=positions, initialization="xavier")
    expected = model(tokens)
    logits = model.bfloat16()(tokens)
    assert logits.dtype == torch.bfloat16
    assert (logits.float() - expected).norm() / expected.norm() < 10 * 2**-8


COMPILED = """
import pickle, sys, torch
model, tokens = pickle.load(sys.stdin.buffer)
compiled = torch.compile(model, fullgraph=True, backend="eager")
torch.testing.assert_close(compiled(tokens), model(tokens), rtol=1e-5, atol=1e-6)
print("same")
"""


def test_the_whole_forward_pass_compiles_and_gives_the_same(decoder: Build, tokens: Tensor) -> None:
    # in a process of its own: pytest's checks of shapes cannot be compiled
    model = pickle.dumps((decoder(qk_norm=True, positions="rope", n_layers=1), tokens))
    done = subprocess.run([sys.executable, "-c", COMPILED], input=model, capture_output=True, check=False)
    assert done.stdout == b"same\n", done.stderr.decode()


@pytest.mark.fast
def test_a_model_survives_pickling_and_saving(decoder: Build, tokens: Tensor) -> None:
    model = decoder(positions="rope")
    torch.testing.assert_close(pickle.loads(pickle.dumps(model))(tokens), model(tokens), rtol=0, atol=0)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = decoder(positions="rope", seed=1)
    other.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(other(tokens), model(tokens), rtol=0, atol=0)
