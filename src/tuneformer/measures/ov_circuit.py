"""What a head does to the logits by its weights alone (Elhage et al. 2021, "A mathematical framework")."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tuneformer.errors import UserError
from tuneformer.measures.attention_shares import HeadScore
from tuneformer.measures.precision import full_precision
from tuneformer.models.attention.base import AttentionBase


def copying_score(
    value: Float[Tensor, "head dim d_model"],
    output: Float[Tensor, "head d_model dim"],
    embedding: Float[Tensor, "vocab d_model"],
    unembedding: Float[Tensor, "vocab d_model"],
) -> HeadScore:
    """Return sum l / sum |l| over the eigenvalues l of W_U W_O^h W_V^h W_E (Elhage et al. 2021).

    1: a token that is looked at raises its own logit, the head copies; -1: it lowers it. The vocab x vocab
    matrix has the eigenvalues of the dim x dim matrix W_V W_E W_U W_O and zeros else. Null: 0 in the mean of
    random weights, deviation `copying_deviation_of_noise`. NaN for a head that writes nothing.

    Args:
        value: W_V of each head, the gain of the norm before it multiplied in.
        output: W_O of each head.
        embedding: W_E, a row for each token.
        unembedding: W_U, a row for each token, the gain of the last norm multiplied in; W_E where tied.
    """
    value, output, embedding, unembedding = (
        full_precision(x).double() for x in (value, output, embedding, unembedding)
    )
    circuit = value @ (embedding.T @ unembedding) @ output  # (H, dim, dim)
    sizes = torch.linalg.eigvals(circuit).abs().sum(dim=-1)
    return circuit.diagonal(dim1=-2, dim2=-1).sum(dim=-1) / sizes


def copying_deviation_of_noise(head_dim: int) -> float:
    """Return 1.5 / dim, the standard deviation of the score where W_V W_O is independent normal numbers.

    The trace of such a matrix has deviation sqrt(dim); its eigenvalues fill a disc of radius sqrt(dim)
    (Ginibre 1965), whose mean modulus is 2/3 of that.
    """
    return 1.5 / head_dim


def value_and_output(
    shell: AttentionBase,
) -> tuple[Float[Tensor, "head dim d_model"], Float[Tensor, "head d_model dim"]]:
    """Return W_V and W_O of each head; heads that share values have the same W_V.

    Raises:
        UserError: the values are not a matrix times the input, as in latent attention.
    """
    value = getattr(shell, "value", None)
    if not isinstance(value, nn.Linear) or value.in_features != shell.layer.d_model:
        raise UserError(f"{type(shell).__name__} has no matrix from its input to its values: no OV circuit")
    by_output = shell.output.weight.detach().unflatten(1, (-1, shell.head_dim)).transpose(0, 1)
    by_value = value.weight.detach().unflatten(0, (-1, shell.head_dim))
    return by_value.repeat_interleave(len(by_output) // len(by_value), dim=0), by_output
