"""train/teach_pnet.py in a process of its own: a small PNet learns what another one writes."""

import re
import time

import pytest
import torch

from tests.processes import ROOT, start_alone
from zmnet_core.model import ZMNet

pytestmark = pytest.mark.slow


def teach(teacher, paintings, folder):
    return start_alone(
        *(ROOT / "train" / "teach_pnet.py", "--teacher", teacher, "--output_dir", folder, "--pnet", "conv-parallel"),
        *("--style_dir", paintings, "--validation_style_dir", paintings, "--teacher_size", 64, "--size", 64),
        *("--steps", 60, "--every", 10, "--batch_size", 4, "--learning_rate", 3e-3),
    )


def test_a_taught_pnet_writes_nearly_what_its_teacher_writes(tmp_path, picture_folder, model):
    model.save_pretrained(tmp_path / "teacher")
    whole = teach(tmp_path / "teacher", picture_folder, tmp_path / "whole")
    out, err = whole.communicate(timeout=300)
    assert whole.returncode == 0, err
    errors = [float(value) for value in re.findall(r"error on unseen paintings ([\d.]+)", out + err)]
    assert len(errors) == 6
    assert errors[-1] < min(0.5, 0.7 * errors[0])  # 1 is the mean style
    taught = ZMNet.from_pretrained(tmp_path / "whole")
    assert taught.config["pnet"]["kind"] == "conv-parallel"
    assert taught.fingerprint == model.fingerprint  # the TNet is the teacher's: their styles blend

    # Killed and taken up again, it ends in the same weights.
    stopped = teach(tmp_path / "teacher", picture_folder, tmp_path / "stopped")
    while not (tmp_path / "stopped" / "teaching.pt").is_file():
        assert stopped.poll() is None
        time.sleep(0.05)
    stopped.kill()
    stopped.communicate()
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    resumed = teach(tmp_path / "teacher", picture_folder, tmp_path / "stopped")
    out, err = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, err
    assert len(re.findall("error on unseen", out + err)) < 6  # it did not begin anew
    for name, tensor in ZMNet.from_pretrained(tmp_path / "stopped").state_dict().items():
        assert torch.equal(tensor, taught.state_dict()[name]), name


def test_a_teacher_that_is_not_there_is_one_line(tmp_path, picture_folder):
    failed = teach(tmp_path / "nothing", picture_folder, tmp_path / "out")
    _, err = failed.communicate(timeout=120)
    assert failed.returncode == 1
    assert err.startswith("error: there is no model")
