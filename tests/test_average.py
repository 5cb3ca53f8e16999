"""train/average.py in a process of its own."""

import pytest
import torch

from tests.processes import ROOT, start_alone
from zmnet_core.model import ZMNet

pytestmark = pytest.mark.slow


def average(*options):
    """Exit status and errors."""
    process = start_alone(ROOT / "train" / "average.py", *options)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def test_shares_are_those_given_and_the_result_is_a_model(tmp_path, make_model):
    torch.manual_seed(0)
    one, other = make_model(), make_model()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    one.save_pretrained(tmp_path / "one")
    other.save_pretrained(tmp_path / "other")
    status, errors = average(
        tmp_path / "one", tmp_path / "other", "--weights", "1,3", "--output_dir", tmp_path / "mean"
    )
    assert status == 0, errors
    found = ZMNet.from_pretrained(tmp_path / "mean").state_dict()
    for name, tensor in one.state_dict().items():
        expected = 0.25 * tensor + 0.75 * other.state_dict()[name]
        torch.testing.assert_close(found[name], expected, rtol=1e-3, atol=1e-6)  # float16 in the file


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ("1", "as many shares"),
        ("", "commas between them"),
        ("1,x", "commas between them"),
        ("0,0", "not all 0"),
        ("1,-1", "0 or more"),
        ("nan,1", "0 or more"),
        ("1,inf", "0 or more"),
    ],
)
def test_shares_that_are_none_are_refused_in_one_line(tmp_path, shares, message):
    status, errors = average("zmnet-mini", "zmnet-mini", "--weights", shares, "--output_dir", tmp_path / "mean")
    assert status == 1
    assert errors.startswith("error: ")
    assert message in errors
    assert not (tmp_path / "mean").exists()


def test_models_of_two_shapes_are_refused(tmp_path):
    status, errors = average("zmnet-base", "zmnet-mini", "--output_dir", tmp_path / "mean")
    assert status == 1
    assert "'zmnet-mini' is not of the shape of 'zmnet-base'" in errors
