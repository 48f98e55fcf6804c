"""Losses: the outputs of a network, its images and their targets -> what training minimizes."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from cxrview.model.layers import CHEST, INVERTED, LATERAL, ROTATION, Architecture

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # outputs, images, targets (b, k) -> ()


def binary_loss(outputs: Tensor, images: Tensor, targets: Tensor) -> Tensor:  # noqa: ARG001
    """Mean cross-entropy over the known targets; outputs are logits (b,) or (b, k)."""
    known = ~targets.isnan()
    losses = functional.binary_cross_entropy_with_logits(
        outputs.reshape(targets.shape), targets.nan_to_num(), reduction="none"
    )
    return (losses * known).sum() / known.sum()


TASK_WEIGHTS = {CHEST: 1.0, ROTATION: 0.5, INVERTED: 0.5, LATERAL: 0.5}


def multi_task_loss(architecture: Architecture) -> Loss:
    """Return the weighted sum of the cross-entropies of the outputs, each over known targets.

    The targets are in the order of the architecture's outputs; that of the rotation is a number of
    quarter turns, 0 to 3. An output without a known target in the batch adds nothing.
    """
    columns = architecture.columns

    def loss(outputs: Tensor, images: Tensor, targets: Tensor) -> Tensor:
        total = outputs.new_zeros(())
        for number, (name, column) in enumerate(columns.items()):
            known = ~targets[:, number].isnan()
            if not known.any():
                continue
            logits, values = outputs[known, column], targets[known, number]
            if name == ROTATION:
                one = functional.cross_entropy(logits, values.long())
            else:
                one = binary_loss(logits, images, values[:, None])
            total = total + TASK_WEIGHTS[name] * one
        return total

    return loss


def loss_for(architecture: Architecture) -> Loss:
    """Return the loss of a network's outputs."""
    return binary_loss if architecture.outputs == (LATERAL,) else multi_task_loss(architecture)
