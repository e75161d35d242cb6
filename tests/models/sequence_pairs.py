"""What every model that turns one sequence into another must do, whatever it is made of."""

import torch
from torch import Tensor

from tuneformer.models.sequence_to_sequence import SequenceToSequence

SOURCE = torch.randint(11, (3, 7), generator=torch.Generator().manual_seed(1))
TARGET = torch.randint(11, (3, 9), generator=torch.Generator().manual_seed(2))
VISIBLE = torch.arange(7) < torch.tensor([[7], [4], [1]])


def assert_steps_equal_the_whole(model: SequenceToSequence) -> None:
    """Token by token, with rows exchanged and repeated on the way as a beam search does."""
    with torch.no_grad():
        whole = model(SOURCE, VISIBLE, TARGET)
        state = model.begin(SOURCE, VISIBLE)
        rows = torch.arange(3)
        for step in range(TARGET.shape[1]):
            logits = model.advance(TARGET[rows, step], state)
            torch.testing.assert_close(logits, whole[rows, step], rtol=0, atol=1e-11)
            if step in (0, 3):
                chosen = torch.tensor([2, 0, 0, 1]) if step == 0 else torch.tensor([3, 1])
                state.select(chosen)
                rows = rows[chosen]


def assert_padding_changes_nothing(model: SequenceToSequence) -> None:
    """A padded batch gives what each source gives alone, whatever it is padded with."""
    alone = [
        model(SOURCE[row : row + 1, :n], VISIBLE[row : row + 1, :n], TARGET[row : row + 1])
        for row, n in enumerate((7, 4, 1))
    ]
    for padding in (0, 9):
        padded = torch.where(VISIBLE, SOURCE, padding)
        torch.testing.assert_close(model(padded, VISIBLE, TARGET), torch.cat(alone), rtol=0, atol=1e-11)


def assert_reads_its_inputs_in_order(model: SequenceToSequence) -> None:
    """Every token of the source matters to every logit, one of the target to those from it on alone."""
    before = model(SOURCE, VISIBLE, TARGET)
    for position in range(7):
        changed = SOURCE.clone()
        changed[:, position] = (changed[:, position] + 1) % 11
        difference = (model(changed, VISIBLE, TARGET) - before).abs().amax(dim=2)
        assert ((difference > 1e-9) == VISIBLE[:, position : position + 1]).all()
    for position in range(9):
        changed = TARGET.clone()
        changed[:, position] = (changed[:, position] + 1) % 11
        difference = (model(SOURCE, VISIBLE, changed) - before).abs().amax(dim=2)
        assert (difference[:, :position] < 1e-12).all()
        assert (difference[:, position:] > 1e-9).all()


def weights_by_site(recorded: dict[tuple[str, int], list[Tensor]]) -> dict[tuple[str, int], Tensor]:
    """The recorded weights, one entry after another along the queries."""
    return {site: torch.cat(entries, dim=2) for site, entries in recorded.items()}
