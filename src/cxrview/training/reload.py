"""The bytes of a model file -> its nets, to train on."""

import onnx
import torch
from onnx import numpy_helper

from cxrview.errors import UnusableModel
from cxrview.training.net import Net

HALF = ".half"  # what export calls a weight as it is stored


def net_of(content: bytes, prefix: str) -> Net:
    """The net "view" or "gate" of a model file; raises UnusableModel where it is not ours."""
    stored = {
        one.name.removeprefix(f"{prefix}/").removesuffix(HALF): numpy_helper.to_array(one)
        for one in onnx.load_from_string(content).graph.initializer
        if one.name.startswith(f"{prefix}/") and one.name.endswith(HALF)
    }
    state = {f"made.{name}": torch.from_numpy(v.astype("f4")) for name, v in stored.items()}
    net = Net()
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise UnusableModel(f"the model file holds no {prefix} net of ours") from error
    return net.eval()
