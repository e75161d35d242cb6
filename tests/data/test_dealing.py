"""How a batch is dealt."""

import pytest

from tuneformer.data.dealing import check_parts_are_equal
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def test_an_indivisible_batch_names_the_batch_the_devices_and_the_accumulation() -> None:
    check_parts_are_equal(batch_size=32, devices=2, accumulate=4)
    with pytest.raises(
        UserError,
        match=r"data\.batch_size=30 must be a multiple of 8: 2 devices x trainer\.accumulate_grad_batches=4",
    ):
        check_parts_are_equal(batch_size=30, devices=2, accumulate=4)
