"""Training pictures: the same step gives the same pictures, and nothing unreadable stops a run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zmnet_core.data.contents import ContentBatches, drawn_bold, sensor_noise
from zmnet_core.data.pictures import Pictures, centre_square, random_crop, split, squares
from zmnet_core.data.sampling import Share, Stream, rng
from zmnet_core.errors import TrainingError
from zmnet_core.files import write_tensors
from zmnet_core.images.folders import find_pictures
from zmnet_core.images.picture import read_picture
from zmnet_core.losses.perceptual import LossConfig, PerceptualLoss
from zmnet_core.networks.pnet import build_pnet
from zmnet_core.networks.tnet import din_sites
from zmnet_core.training.style_bank import StyleBank, StyleTargets


@pytest.fixture
def files(picture_folder):
    return find_pictures(picture_folder)


@pytest.fixture(scope="module")
def make_bank(picture_folder, random_vgg):
    """A bank over the six pictures, with few layers so that a look is cheap."""
    loss = PerceptualLoss(random_vgg, LossConfig(style_layers={"relu1_2": 1.0, "relu2_2": 1.0}))

    def bank(variants: int, kind: str = "conv", seed: int = 4, sides=(64, 64), **options: object) -> StyleBank:
        pnet = build_pnet(kind, din_sites(8), width=8, **({"vgg_width": random_vgg.width} if kind == "vgg" else {}))
        if kind == "vgg":
            pnet.vgg.load_state_dict({k: v for k, v in random_vgg.state_dict().items() if k in pnet.vgg.state_dict()})
        paths = options.pop("paths", find_pictures(picture_folder))
        return StyleBank(Pictures(paths, options.pop("side", sides)), pnet, loss, sides, variants, seed, **options)

    return bank


def same(one: StyleTargets, other: StyleTargets) -> bool:
    return torch.equal(one.features, other.features) and all(
        torch.equal(one.style[layer], other.style[layer]) for layer in one.style.keys() | other.style.keys()
    )


# Random numbers --------------------------------------------------------------------------------


def test_random_numbers_follow_seed_step_sample_and_purpose_and_nothing_else():
    def first(*key: int) -> float:
        return rng(*key).random()

    base = first(1, 2, 3, Stream.CONTENT)
    np.random.seed(99)
    torch.manual_seed(99)
    assert first(1, 2, 3, Stream.CONTENT) == base
    others = {
        first(2, 2, 3, Stream.CONTENT),
        first(1, 3, 3, Stream.CONTENT),
        first(1, 2, 4, Stream.CONTENT),
        first(1, 2, 3, Stream.STYLE),
        first(2, 1, 3, Stream.CONTENT),
    }
    assert base not in others and len(others) == 5


# Pictures --------------------------------------------------------------------------------------


def test_pictures_are_the_files_pixels(files):
    pictures = Pictures(files)
    assert len(pictures) == 6
    for index, file in enumerate(files):
        assert pictures[index].dtype == torch.uint8
        assert np.array_equal(pictures[index].permute(1, 2, 0), read_picture(file).rgb)


def test_short_side_is_resized_and_never_under_64(files, tmp_path):
    assert [min(Pictures(files, 80)[i].shape[1:]) for i in range(6)] == [80] * 6
    read_picture(files[0]).rgb.resize((20, 30)).save(tmp_path / "small.png")
    assert Pictures([tmp_path / "small.png"])[0].shape == (3, 96, 64)


def test_pictures_in_memory_are_read_once(files, tmp_path):
    shutil.copy(files[0], tmp_path / "a.png")
    kept = Pictures([tmp_path / "a.png"], in_memory=True)
    before = kept[0]
    (tmp_path / "a.png").unlink()
    assert torch.equal(kept[0], before)


def test_unreadable_picture_is_replaced_by_the_next_and_noted(files, tmp_path):
    (tmp_path / "broken.png").write_bytes(files[0].read_bytes()[:300])
    pictures = Pictures([files[0], tmp_path / "broken.png", files[2]])
    assert torch.equal(pictures[1], pictures[2])
    assert torch.equal(pictures[1], pictures[2])
    ((name, note),) = pictures.notes.items()
    assert name == str(tmp_path / "broken.png") and note.kind == "damaged"


def test_folder_without_one_readable_picture_is_an_error_that_names_it(tmp_path):
    (tmp_path / "a.png").write_text("no")
    (tmp_path / "b.png").write_text("no")
    with pytest.raises(TrainingError, match="none of the 2 pictures could be read; the first is '.*a.png'"):
        Pictures([tmp_path / "a.png", tmp_path / "b.png"])[1]


def test_no_pictures_at_all_are_an_error():
    with pytest.raises(TrainingError, match="no pictures"):
        Pictures([])


# Crops -----------------------------------------------------------------------------------------


def coordinates(height: int, width: int) -> torch.Tensor:
    """A uint8 picture whose red says the column and whose green says the row."""
    picture = torch.zeros(3, height, width, dtype=torch.uint8)
    picture[0], picture[1] = torch.arange(width), torch.arange(height)[:, None]
    return picture


@given(
    st.integers(64, 201),
    st.integers(64, 201),
    st.integers(16, 96),
    st.integers(0, 10_000),
    st.sampled_from([0.5, 0.6, 1.0]),
)
def test_crop_is_an_undistorted_square_from_within_the_picture(height, width, size, seed, least):
    crop = random_crop(coordinates(height, width), size, np.random.default_rng(seed), least)
    assert crop.shape == (3, size, size) and crop.dtype == torch.float32
    columns, rows = 255 * crop[0], 255 * crop[1]
    assert columns.min() > -1e-3 and columns.max() < width - 1 + 1e-3
    assert rows.min() > -1e-3 and rows.max() < height - 1 + 1e-3
    # Every step of a pixel in the crop is side / size pixels of the picture, the same both ways.
    inner = slice(size // 4, size - size // 4)  # the resampling filter is cut off at the border
    across, down = columns.diff(dim=1)[inner, inner].abs(), rows.diff(dim=0)[inner, inner].abs()
    scale = across.median().item()
    torch.testing.assert_close(across, torch.full_like(across, scale), rtol=0, atol=0.12 * scale)
    assert down.median().item() == pytest.approx(scale, rel=0.05)
    short = min(height, width)
    assert min(short, max(size, round(least * short))) / size <= scale * 1.05
    assert scale <= 1.05 * short / size


def test_crops_are_mirrored_half_of_the_time_and_reach_every_corner():
    crops = [random_crop(coordinates(80, 120), 40, np.random.default_rng(seed)) for seed in range(300)]
    mirrored = sum(bool(crop[0, 0, 0] > crop[0, 0, -1]) for crop in crops)
    assert 110 < mirrored < 190
    extent = torch.stack([255 * crop[:2].flatten(1) for crop in crops])
    assert extent[:, 0].min() < 2 and extent[:, 0].max() > 117
    assert extent[:, 1].min() < 2 and extent[:, 1].max() > 77


def test_crop_at_full_size_is_the_pixels_themselves():
    picture = coordinates(64, 64)
    crop = random_crop(picture, 64, np.random.default_rng(1))
    assert any(torch.equal(crop, candidate) for candidate in (picture / 255, (picture / 255).flip(-1)))


@pytest.mark.parametrize("shape, left, top", [((64, 100), 18, 0), ((101, 64), 0, 18), ((64, 64), 0, 0)])
def test_centre_square_is_the_middle(shape, left, top):
    square = 255 * centre_square(coordinates(*shape), 64)
    assert square.shape == (3, 64, 64)
    assert square[0, 0].tolist() == pytest.approx(range(left, left + 64))
    assert square[1, :, 0].tolist() == pytest.approx(range(top, top + 64))


# Batches ---------------------------------------------------------------------------------------


def test_same_step_gives_the_same_photographs_and_any_other_key_others(files):
    def batch(seed: int, step: int, process: int) -> torch.Tensor:
        return ContentBatches(Pictures(files), 3, 48, seed, Share(process, 2))[step].crops

    base = batch(1, 5, 0)
    assert base.shape == (3, 3, 48, 48)
    assert torch.equal(batch(1, 5, 0), base)
    for other in ((2, 5, 0), (1, 6, 0), (1, 5, 1)):
        assert not torch.equal(batch(*other), base), other


def test_noise_is_normal_of_a_strength_drawn_for_each_picture():
    crops = torch.zeros(400, 3, 16, 16)
    noise = sensor_noise(crops, 0.02, seed=1, step=2, slot=3)
    assert torch.equal(noise, sensor_noise(crops, 0.02, seed=1, step=2, slot=3))
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        assert not torch.equal(noise, sensor_noise(crops, 0.02, *other))
    sigma = noise.std((1, 2, 3))  # uniform in 0 … 0.02
    assert sigma.max() < 0.022 and sigma.mean().item() == pytest.approx(0.01, rel=0.1)
    assert (sigma < 0.005).float().mean().item() == pytest.approx(0.25, abs=0.07)
    shape = (noise / sigma[:, None, None, None]).flatten()
    assert abs(shape.mean()) < 0.01 and shape.pow(4).mean().item() == pytest.approx(3, abs=0.1)
    assert abs((noise[:, 0] * noise[:, 1]).mean()) < 1e-5  # another in each channel


def test_boldness_is_drawn_evenly():
    crops = torch.zeros(1000, 3, 2, 2)
    bold = drawn_bold(crops, 1, 2, 3)
    assert torch.equal(bold, drawn_bold(crops, 1, 2, 3)) and not torch.equal(bold, drawn_bold(crops, 1, 2, 4))
    torch.testing.assert_close(bold.sort().values, (torch.arange(1000) + 0.5) / 1000, atol=0.06, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("processes, accumulation", [(2, 1), (3, 1), (1, 2), (2, 3)])
def test_a_step_holds_the_same_samples_however_it_is_shared_out(files, make_bank, processes, accumulation):
    shares = [Share(process, processes, accumulation) for process in range(processes)]
    slots = processes * accumulation
    whole = ContentBatches(Pictures(files), 2 * slots, 48, seed=1)[7].crops
    parts = {}
    for share in shares:
        batches = ContentBatches(Pictures(files), 2, 48, 1, share)
        parts |= {share.slot(part): batches[7 * accumulation + part].crops for part in range(accumulation)}
    assert torch.equal(torch.cat([parts[slot] for slot in range(slots)]), whole)

    for variants, most in (0, 64), (2, 64), (0, 128), (2, 128):
        bank = make_bank(variants, "conv" if most == 64 else "vgg", sides=(64, most))
        whole = bank.batch(7, 2 * slots)
        shared = [bank.batch(7, 2, slot, slots).features for slot in range(slots)]
        torch.testing.assert_close(torch.cat(shared), whole.features)


@pytest.mark.parametrize("variants", [0, 2])
def test_same_step_gives_the_same_paintings_and_any_other_key_others(make_bank, variants):
    base = make_bank(variants).batch(5, 2)
    assert same(make_bank(variants).batch(5, 2), base)
    assert not same(make_bank(variants, seed=5).batch(5, 2), base)
    bank = make_bank(variants)
    assert not all(same(bank.batch(step, 2), base) for step in (6, 7, 8))
    assert not same(bank.batch(5, 2, slot=1, slots=2), bank.batch(5, 2, slot=0, slots=2))


@pytest.mark.parametrize("count", [1, 6, 8])
def test_paintings_of_a_step_are_different_ones_while_there_are_enough(make_bank, count):
    targets = make_bank(1).batch(0, count)
    assert targets.features.shape[0] == count == targets.style["relu1_2"].shape[0]
    different = {tuple(gram.flatten().tolist()) for gram in targets.style["relu1_2"]}
    assert len(different) == count if count <= 6 else len(different) > 1


# The bank --------------------------------------------------------------------------------------


def test_targets_are_what_the_networks_give_of_the_painting(make_bank):
    bank = make_bank(1, kind="vgg")
    look = bank.look(2, 0)
    crop = centre_square(bank.pictures[2], 64)[None]
    torch.testing.assert_close(look.features, bank.pnet.features(crop))
    for layer, gram in bank.loss.style_targets(crop).items():
        torch.testing.assert_close(look.style[layer].float(), gram, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("variants", [0, 2])
def test_the_loss_sees_more_of_the_painting_than_the_pnet(make_bank, variants):
    bank = make_bank(variants, sides=(64, 64), loss_side=80, side=None)
    for index, short in enumerate((64, 65, 71, 80, 64, 77)):
        assert min(bank.pictures[index].shape[1:]) == short
        side, most = bank._sides(bank.pictures[index], rng(0, index, 0, Stream.SIDE))
        assert (side, most) == (64, short)  # up to what the painting has, and no further
    square = centre_square(bank.pictures[3], 80)[None]
    if variants:
        look = bank.look(3, 0)
        torch.testing.assert_close(look.features, squares(square, 64))
        for layer, gram in bank.loss.style_targets(square).items():
            torch.testing.assert_close(look.style[layer].float(), gram, rtol=1e-2, atol=1e-4)
    targets = bank.batch(2, 3)
    assert targets.features.shape == (3, 3, 64, 64) and len(targets.style["relu1_2"]) == 3


def test_looks_made_together_are_those_made_one_by_one(make_bank, tmp_path):
    alone, together = make_bank(2), make_bank(2, cache=tmp_path)
    together.keep_all(together=5)
    assert len(together._kept) == 12 == len(list(tmp_path.rglob("*.safetensors")))
    for key in together._kept:
        one, other = alone.look(*key), together.look(*key)
        torch.testing.assert_close(one.features, other.features)
        for term in one.style:
            torch.testing.assert_close(one.style[term], other.style[term], rtol=1e-2, atol=1e-5)
    again = make_bank(2, cache=tmp_path)
    again.keep_all(enough=lambda: len(again._kept) >= 3, together=2)
    assert len(again._kept) == 4  # the rest when they are wanted


def test_targets_are_repeated_for_every_photograph_of_their_painting(make_bank):
    two = make_bank(1).batch(0, 2)
    four = two.repeated(2)
    for place in range(4):
        assert torch.equal(four.features[place], two.features[place // 2])
        assert all(torch.equal(four.style[term][place], two.style[term][place // 2]) for term in two.style)
    assert two.repeated(1) is two


def test_pictures_decoded_ahead_are_those_decoded_when_wanted(picture_folder, tmp_path):
    shutil.copytree(picture_folder, tmp_path / "some")
    (tmp_path / "some" / "2.png").write_bytes(b"broken")
    paths = find_pictures(tmp_path / "some")
    ahead, later = Pictures(paths, None, in_memory=True), Pictures(paths)
    ahead.keep_all()
    assert len(ahead._kept) == 5 and [note.kind for note in ahead.notes.values()] == ["damaged"]
    for index in range(6):
        assert torch.equal(ahead[index], later[index])
    few = Pictures(paths, None, in_memory=True)
    few.keep_all(lambda: True)
    assert not few._kept and torch.equal(few[0], later[0])


@pytest.mark.parametrize("kind", ["conv", "vgg"])
@pytest.mark.parametrize("variant", [0, 1, 2])
def test_kept_look_equals_a_fresh_computation(make_bank, kind, variant):
    bank = make_bank(3, kind)
    kept = bank.look(3, variant)
    assert bank.look(3, variant) is kept
    assert same(make_bank(3, kind).look(3, variant), kept)


def test_looks_at_a_painting_are_different_crops(make_bank):
    bank = make_bank(3)
    looks = [bank.look(1, variant).features for variant in range(3)]
    assert not any(torch.equal(looks[i], looks[j]) for i in range(3) for j in range(i))


@pytest.mark.parametrize("variants", [0, 3])
def test_sides_of_looks_lie_in_the_range_and_enlarge_no_painting(make_bank, tmp_path, monkeypatch, variants):
    generator = np.random.default_rng(0)
    for name, short in ("small", 50), ("middle", 100), ("large", 300):
        pixels = generator.integers(0, 256, (short, short + 20, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    names = ["small", "middle", "large"]
    bank = make_bank(variants, sides=(80, 200), paths=[tmp_path / f"{name}.png" for name in names])
    monkeypatch.setattr(bank.pictures, "_kept", {i: i * torch.ones_like(bank.pictures[i]) for i in range(3)})
    seen = {name: [] for name in names}

    def look(crops, side, pictures):
        assert len(crops) == len(pictures)
        for crop in crops:
            assert crop.shape[1] == crop.shape[2] == side
            seen[names[round(float(crop.mean()) * 255)]].append(crop.shape[1])
        return StyleTargets(torch.zeros(len(crops), 1), {})

    monkeypatch.setattr(bank, "_look", look)
    for step in range(60):
        bank.batch(step, 2)
    assert set(seen["small"]) == {80}  # the least, and so the only side that may enlarge
    assert min(seen["middle"]) >= 80 and max(seen["middle"]) <= 100
    assert min(seen["large"]) >= 80 and max(seen["large"]) <= 200
    assert len(set(seen["large"])) == 3 if variants else len(set(seen["large"])) > 20


def test_sides_are_drawn_in_proportion(make_bank):
    bank, picture = make_bank(1, sides=(100, 400)), torch.zeros(3, 500, 600)
    sides = [bank._sides(picture, rng(0, step, 0, Stream.SIDE))[0] for step in range(2000)]
    assert np.mean(np.array(sides) < 200) == pytest.approx(0.5, abs=0.04)  # half of the octaves, half of the looks


def test_cache_on_disk_gives_back_every_bit(make_bank, tmp_path):
    written = make_bank(2, cache=tmp_path)
    looks = {(i, v): written.look(i, v) for i in range(3) for v in range(2)}
    stored = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")}
    assert len(stored) == 6
    again = make_bank(2, cache=tmp_path)
    assert all(same(again.look(*key), look) for key, look in looks.items())
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()} == stored


def test_cache_is_read_and_not_computed_again(make_bank, tmp_path):
    look = make_bank(1, cache=tmp_path).look(0, 0)
    (file,) = tmp_path.rglob("*.safetensors")
    write_tensors(file, {"features": look.features + 1, **look.style})
    assert torch.equal(make_bank(1, cache=tmp_path).look(0, 0).features, look.features + 1)


def test_damaged_cache_file_is_made_anew(make_bank, tmp_path, caplog):
    expected = make_bank(1, cache=tmp_path).look(0, 0)
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert same(make_bank(1, cache=tmp_path).look(0, 0), expected)
    assert "damaged" in caplog.text
    assert same(make_bank(1, cache=tmp_path).look(0, 0), expected)


def test_painting_that_changed_is_looked_at_again(make_bank, tmp_path, files):
    shutil.copy(files[0], tmp_path / "a.png")
    bank = make_bank(1, paths=[tmp_path / "a.png"], cache=tmp_path / "cache")
    before = bank.look(0, 0)
    shutil.copy(files[3], tmp_path / "a.png")
    after = make_bank(1, paths=[tmp_path / "a.png"], cache=tmp_path / "cache").look(0, 0)
    assert not same(before, after)
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 2


@pytest.mark.parametrize("layers", [{"relu1_2": 1.0}, {"relu1_2": 1.0, "relu3_3": 1.0}])
def test_cache_of_another_loss_is_not_taken(make_bank, random_vgg, tmp_path, layers):
    make_bank(1, cache=tmp_path).look(0, 0)
    other = make_bank(1, cache=tmp_path)
    other.loss = PerceptualLoss(random_vgg, LossConfig(style_layers=layers))
    assert other.look(0, 0).style.keys() == layers.keys()
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2


def test_whole_painting_is_found_in_the_cache_wherever_it_stands_in_the_folder(make_bank, tmp_path, files):
    make_bank(1, cache=tmp_path).look(4, 0)
    make_bank(1, paths=files[4:], cache=tmp_path).look(0, 0)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


# Held-out pictures -----------------------------------------------------------------------------


def test_every_twentieth_picture_is_held_out(tmp_path, files):
    for i in range(41):
        shutil.copy(files[0], tmp_path / f"{i:02d}.png")
    training, validation = split(tmp_path, None, "--style_dir")
    assert [Path(f).name for f in validation] == ["00.png", "20.png", "40.png"]
    assert len(training) == 38 and not set(training) & set(validation)


def test_named_folder_is_held_out_whole(picture_folder, tmp_path, files):
    shutil.copy(files[0], tmp_path / "v.png")
    training, validation = split(picture_folder, str(tmp_path), "--style_dir")
    assert training == [str(f) for f in files] and validation == [str(tmp_path / "v.png")]


def test_folder_of_one_picture_cannot_be_split(tmp_path, files):
    shutil.copy(files[0], tmp_path / "a.png")
    with pytest.raises(TrainingError, match="--style_dir: .* holds one picture; at least two"):
        split(tmp_path, None, "--style_dir")


@pytest.mark.parametrize("held_out", [None, "nowhere"])
def test_missing_folder_is_named_with_its_flag(tmp_path, picture_folder, held_out):
    folder = picture_folder if held_out else tmp_path / "nowhere"
    with pytest.raises(TrainingError, match="--content_dir: there is no file or folder '.*nowhere'"):
        split(folder, held_out, "--content_dir")
