import pytest
import torch
from torch import Tensor

from tests.models.families import randomised, small_model
from tuneformer.errors import UserError
from tuneformer.models.attention.explicit import record_attention
from tuneformer.models.pooling import POOLINGS
from tuneformer.models.vision_transformer import patches

pytestmark = pytest.mark.fast


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_patches_are_squares_row_by_row(images: Tensor) -> None:
    cut = patches(images, 4)
    assert cut.shape == (3, 4, 32)
    for index, (top, left) in enumerate([(0, 0), (0, 4), (4, 0), (4, 4)]):
        square = images[:, :, top : top + 4, left : left + 4]
        assert torch.equal(cut[:, index], square.reshape(3, 32))


def test_embedding_is_the_strided_convolution_of_the_usual_code(images: Tensor) -> None:
    model = randomised(small_model("vit"))
    kernel = model.patch_embedding.weight.view(16, 2, 4, 4)
    convolved = torch.nn.functional.conv2d(images, kernel, model.patch_embedding.bias, stride=4)
    torch.testing.assert_close(
        model.patch_embedding(patches(images, 4)), convolved.flatten(2).mT, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pixel_has_a_say(images: Tensor, pooling: str) -> None:
    model = randomised(small_model("vit", pooling=pooling))
    images.requires_grad_()
    logits = model(images)
    assert logits.shape == (3, 5)
    (gradient,) = torch.autograd.grad(logits.square().sum(), images)
    assert (gradient.abs() > 0).all()


def test_positions_tell_where_a_patch_is(images: Tensor) -> None:
    swapped = images.clone()
    swapped[..., :4], swapped[..., 4:] = images[..., 4:], images[..., :4]
    as_set = randomised(small_model("vit", positions="none"))
    torch.testing.assert_close(as_set(swapped), as_set(images), rtol=0, atol=1e-12)
    for positions in ("learned", "sinusoidal", "rope"):
        model = randomised(small_model("vit", positions=positions))
        assert (model(swapped) - model(images)).abs().amax() > 1e-3


def test_the_class_token_stands_before_the_patches(images: Tensor) -> None:
    model = randomised(small_model("vit", n_layers=0))
    first = model.class_token.weight[0] + model.position_embedding.weight[0]
    expected = model.output(model.norm(first))
    torch.testing.assert_close(model(images), expected.expand(3, 5), rtol=0, atol=1e-12)


def test_its_attention_is_recorded(images: Tensor) -> None:
    model = randomised(small_model("vit"))
    with record_attention(model) as weights:
        model(images)
    assert set(weights) == {("encoder", 0), ("encoder", 1)}
    assert weights["encoder", 0][0].shape == (3, 2, 5, 5)


def test_patches_that_do_not_tile_the_image_are_refused() -> None:
    with pytest.raises(UserError) as error:
        small_model("vit", patch_size=3)
    assert str(error.value) == "model.patch_size=3 must divide the side of the images, 8 pixels"
