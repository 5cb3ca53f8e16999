"""What makes a daylight model: areas found, lessons by rule, and the course."""

import json
import random

import numpy as np
import pytest
import torch
from PIL import Image

from zmnet_core.errors import TrainingError
from zmnet_core.images.colour import lab, to_linear
from zmnet_core.model import ZMNet
from zmnet_core.training.daylight.course import Course, fresh, reference
from zmnet_core.training.daylight.finder import (
    BUILDINGS,
    SKY,
    WINDOWS,
    Finder,
    Labelled,
    camvid,
    crop,
    paris,
    teach,
    without_windows,
)  # fmt: skip
from zmnet_core.training.daylight.lessons import CALLED, Lessons, small, write_lessons
from zmnet_core.training.daylight.relighting import TIMES, blur, relit, step


@pytest.fixture(scope="module")
def street() -> tuple[torch.Tensor, torch.Tensor]:
    """A house with windows under a blue sky, [1, 3, 96, 128], and where these are."""
    picture, areas = torch.zeros(1, 3, 96, 128), torch.zeros(1, 3, 96, 128)
    picture[:] = torch.tensor([0.62, 0.55, 0.45]).view(1, 3, 1, 1)
    picture[..., :40, :] = torch.tensor([0.45, 0.65, 0.95]).view(1, 3, 1, 1)
    areas[:, SKY, :40], areas[:, BUILDINGS, 40:] = 1, 1
    for left in range(10, 120, 24):
        picture[..., 52:66, left : left + 12], areas[:, WINDOWS, 52:66, left : left + 12] = 0.18, 1
    return picture, areas


def lightness(picture: torch.Tensor) -> torch.Tensor:
    return lab(picture.movedim(1, -1))[..., 0]


def test_at_night_the_sky_is_dark_and_windows_are_lit(street):
    picture, areas = street
    times = relit(picture, areas)
    assert set(times) == set(TIMES) == set(CALLED)
    assert all(each.shape == picture.shape and 0 <= each.min() and each.max() <= 1 for each in times.values())
    light = {time: lightness(each) for time, each in times.items()}
    panes = areas[:, WINDOWS] > 0
    assert (times["noon"] - picture).abs().mean() < 12 / 255
    assert light["night"].mean() < 30 < light["sunset"].mean() < light["noon"].mean()
    assert light["night"][panes].mean() > 2.5 * light["night"][~panes].mean()
    red, _, blue = to_linear(times["night"])[0].movedim(0, -1)[panes[0]].mean(0)
    assert red > 2 * blue  # lamps are warm
    red, _, blue = to_linear(times["night"])[0, :, :20].mean((1, 2))
    assert blue > 1.5 * red  # and the sky is not
    red, _, blue = to_linear(times["sunset"])[0, :, 34:38].mean((1, 2))
    assert red > 1.5 * blue


def test_fog_hides_more_of_what_is_far_and_snow_whitens_leaves(street):
    picture, areas = street
    fog = relit(picture, areas)["fog"]
    far, near = ((fog[..., rows, :] - fog[..., :5, :].mean()).abs().mean() for rows in (slice(44, 50), slice(88, 96)))
    assert far < near
    leaves = picture.clone()
    leaves[..., 70:, :] = torch.tensor([0.25, 0.5, 0.15]).view(1, 3, 1, 1)
    there = relit(leaves, areas)
    assert lightness(there["snow"])[..., 75:, :].mean() > lightness(leaves)[..., 75:, :].mean() + 10
    red, green, _ = there["autumn"][0, :, 75:].mean((1, 2))
    assert red > green


def test_blur_and_step():
    spot = torch.zeros(1, 1, 65, 65)
    spot[..., 32, 32] = 1
    wide = blur(spot, 3.0)
    rows = torch.arange(65.0) - 32
    assert torch.isclose(wide.sum(), torch.tensor(1.0), atol=0.01)
    assert abs(float((wide.sum((0, 1, 3)) * rows**2).sum()) ** 0.5 - 3.0) < 0.3
    assert torch.equal(blur(spot, 0.2), spot)
    assert step(torch.tensor([0.0, 0.5, 1.0]), 0, 1).tolist() == [0, 0.5, 1]
    assert step(torch.tensor([0.2, 0.9]), 0.85, 0.25).tolist() == [1, 0]


@pytest.mark.slow
def test_a_finder_learns_what_is_labelled(random_vgg, street, tmp_path):
    torch.manual_seed(0)
    picture, areas = (each[0] for each in street)
    labelled = Labelled(picture, areas, torch.ones_like(areas), facade=True)
    finder = Finder(random_vgg)
    before = teach(finder, [labelled], steps=1)
    assert teach(finder, [labelled], steps=40) < 0.7 * before
    finder.eval().save(tmp_path / "finder.pt")
    again = Finder.load(tmp_path / "finder.pt", random_vgg)
    with torch.no_grad():
        assert torch.equal(again(street[0]), finder(street[0]))
        assert again(street[0]).shape == street[0].shape
    torch.save({}, tmp_path / "empty.pt")
    with pytest.raises(TrainingError, match="no head of a finder"):
        Finder.load(tmp_path / "empty.pt", random_vgg)
    with pytest.raises(TrainingError, match="no labelled pictures"):
        teach(finder, [], steps=1)


def test_public_sets_are_read_as_they_are_laid_out(tmp_path):
    for name in ("images", "labels", "train", "trainannot"):
        (tmp_path / name).mkdir()
    picture = Image.new("RGB", (8, 6), "white")
    picture.save(tmp_path / "images" / "facade_1.png")
    label = np.full((6, 8), 4)
    label[0], label[1], label[2], label[3] = 5, 3, 1, -1
    np.savetxt(tmp_path / "labels" / "facade_1.txt", label, fmt="%d")
    (facade,) = paris(tmp_path)
    assert facade.areas[SKY, 0].all() and facade.areas[WINDOWS, 1].all() and facade.areas[BUILDINGS, 4].all()
    assert not facade.known[WINDOWS, 2].any() and not facade.known[:, 3].any()
    picture.save(tmp_path / "train" / "a.png")
    Image.fromarray(np.array([[0] * 8, [1] * 8, [11] * 8] * 2, dtype=np.uint8)).save(tmp_path / "trainannot" / "a.png")
    (scene,) = camvid(tmp_path)
    assert scene.areas[SKY, 0].all() and scene.areas[BUILDINGS, 1].all() and not scene.known[:, 2].any()
    assert not scene.known[WINDOWS, 1].any() and scene.known[WINDOWS, 0].all()
    (empty,) = without_windows([tmp_path / "train" / "a.png"])
    assert empty.known[WINDOWS].all() and not empty.known[SKY].any() and not empty.areas.any()


@pytest.mark.parametrize("seed", range(6))
def test_crops_have_their_size_and_labels_of_0_and_1(seed, street):
    picture, areas = (each[0] for each in street)
    facade = Labelled(picture, areas, torch.ones_like(areas), facade=True)
    other = Labelled(picture, areas, torch.zeros_like(areas))
    lesson = crop([facade, other], random.Random(seed), 64)
    assert lesson.shape == (9, 64, 64) and 0 <= lesson[:3].min() and lesson[:3].max() <= 1
    assert set(lesson[6:].unique().tolist()) <= {0.0, 1.0}


@pytest.fixture
def lessons(random_vgg, tmp_path, street):
    """A folder of lessons, made by the product."""
    files = []
    for index in range(3):
        levels = (street[0][0].movedim(0, -1) * 255).byte().numpy()
        files.append(tmp_path / f"street {index}.png")
        Image.fromarray(np.roll(levels, 7 * index, 1)).save(files[-1])
    torch.manual_seed(0)
    finder = Finder(random_vgg).eval()
    torch.nn.init.constant_(finder.mix[-1].bias, 1.0)  # enough of a sky for it to be outdoors
    count = write_lessons(files, finder, tmp_path / "lessons", 64)
    assert count == 3
    return tmp_path / "lessons"


def test_lessons_are_written_once_and_read_as_they_lie(lessons, tmp_path, random_vgg):
    learned = Lessons(lessons, 64)
    assert learned.times == list(TIMES) and len(learned.pictures) == 3
    drawn = learned.draw(random.Random(0))
    assert drawn.shape == (1 + len(TIMES), 3, 64, 64)
    times = {file: file.stat().st_mtime_ns for file in lessons.rglob("*.jpg")}
    assert write_lessons(sorted(tmp_path.glob("*.png")), Finder(random_vgg), lessons, 64) == 3
    assert times == {file: file.stat().st_mtime_ns for file in lessons.rglob("*.jpg")}
    wide = small(Image.new("RGB", (1000, 200)), 64)
    assert wide.shape == (1, 3, 64, 96)  # 1.6 : 1, in eights


def test_lessons_that_do_not_fit_are_refused(lessons):
    name = sorted((lessons / "photograph").iterdir())[0].name
    with pytest.raises(TrainingError, match="no photograph of 500 px"):
        Lessons(lessons, 500)
    Image.new("RGB", (64, 64)).save(lessons / "fog" / name)
    with pytest.raises(TrainingError, match="differ in size"):
        Lessons(lessons, 64)
    (lessons / "fog" / name).unlink()
    with pytest.raises(TrainingError, match="no picture in fog"):
        Lessons(lessons, 64)
    (lessons / "words.json").write_text("[]")
    with pytest.raises(TrainingError, match="says no words"):
        Lessons(lessons, 64)
    (lessons / "words.json").unlink()
    with pytest.raises(TrainingError, match="cannot be read"):
        Lessons(lessons, 64)


def test_a_course_learns_goes_on_and_ships_its_words(lessons, tmp_path):
    torch.manual_seed(0)
    base = ZMNet({"width": 8}, {"kind": "conv", "width": 8})
    learned = Lessons(lessons, 64)
    photograph = learned.pictures[0][:1].float() / 255
    model = fresh(base, [photograph])
    assert torch.equal(reference(model), base.encode_style(photograph).values[0])
    with torch.no_grad():
        same = model.apply(photograph, model.encode_attribute("night"), strength=0)
    assert torch.allclose(same, photograph, atol=1e-4)
    whole = Course(model, learned, tmp_path / "whole")
    start = total(whole)
    whole.run(steps=2)
    again = Course(fresh(base, [photograph]), learned, tmp_path / "whole")
    assert again.step == 2 and torch.equal(again.model.tnet.out.weight, whole.model.tnet.out.weight)
    again.run(steps=28)
    again.step = 0  # the lesson that it began with
    assert total(again) < 0.7 * start
    shipped = ZMNet.from_pretrained(tmp_path / "whole")
    assert shipped.config["pnet"]["words"]["times"][:2] == ["noon", "midday"]
    assert shipped.encode_attribute("dusk").values.isfinite().all()
    rows = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [10, 20, 30]
    with pytest.raises(TrainingError, match="is of another model"):
        Course(fresh(ZMNet({"width": 4}, {"kind": "conv", "width": 8}), [photograph]), learned, tmp_path / "whole")


@torch.no_grad()
def total(course: Course) -> float:
    """The loss at its step."""
    return sum(getattr(course.weights, name) * float(each) for name, each in course.losses(*course.batch()).items())
