"""One walk over folders for all: which pictures are taken, what is left out, and that it is said."""

import os
import stat
import string
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmnet_core.data.sources import find_files
from zmnet_core.errors import PictureError
from zmnet_core.images.folders import SYSTEM, find_pictures, is_picture
from zmnet_core.images.formats import KNOWN, SUFFIXES


def found(root, own=()):
    """What both ways of asking find, as paths below `root`, and what they say."""
    said, again = [], []
    taken = find_pictures(root, own, said.append)
    assert [str(path) for path in taken] == find_files(root, own=own, say=again.append) and said == again
    return [path.relative_to(root).as_posix() for path in taken], " ".join(said)


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"a picture")
    return root


# Any tree --------------------------------------------------------------------------------------

CASES = (str.lower, str.upper, str.title)
ENDINGS = st.builds(lambda change, end: change(end), st.sampled_from(CASES), st.sampled_from([*KNOWN, ".txt", ""]))
LETTERS = string.ascii_letters + string.digits + " -_.#~'\"()äé猫\udcff\udce9"
STEMS = st.text(LETTERS, min_size=1, max_size=8)
FILES = st.builds(str.__add__, STEMS, ENDINGS)
ODD = sorted(SYSTEM) + [name.upper() for name in SYSTEM] + [".thumbnails", ".ipynb_checkpoints"]
FOLDERS = st.one_of(STEMS, st.sampled_from(ODD))
TREES = st.recursive(
    st.dictionaries(FILES, st.none(), max_size=4),
    lambda inner: st.dictionaries(st.one_of(FILES, FOLDERS), st.one_of(st.none(), inner), max_size=4),
    max_leaves=12,
)


def build(folder: Path, tree: dict) -> None:
    folder.mkdir()
    for name, inner in tree.items():
        if name in (".", ".."):
            continue
        if inner is None:
            (folder / name).write_bytes(b"")
        else:
            build(folder / name, inner)


def expected(tree: dict, before: str = "") -> set[str]:
    """The pictures of a tree, by the words of the documentation."""
    taken = set()
    for name, inner in tree.items():
        if name.startswith("."):
            continue
        if inner is None and os.path.splitext("x" + name)[1].lower() in SUFFIXES:
            taken.add(before + name)
        elif inner is not None and name.lower() not in SYSTEM:
            taken |= expected(inner, f"{before}{name}/")
    return taken


@given(TREES)
def test_of_any_tree_the_pictures_are_found_and_nothing_else(tmp_path_factory, tree):
    root = tmp_path_factory.mktemp("tree") / "root"
    build(root, tree)
    wanted = expected(tree)
    if not wanted:
        for find in (find_pictures, find_files):
            with pytest.raises(PictureError, match="holds no picture"):
                find(root)
        return
    taken, _ = found(root)
    assert set(taken) == wanted and len(taken) == len(wanted)
    assert taken == sorted(taken, key=lambda name: name.split("/"))
    assert found(root)[0] == taken  # out of the kept listing, too
    assert all(map(is_picture, taken))


@given(TREES, st.data())
def test_links_lead_into_every_folder_once_and_loops_end(tmp_path_factory, tree, data):
    root = tmp_path_factory.mktemp("tree") / "root"
    build(root, tree)
    put(root, "one.jpg")
    places = [Path(folder) for folder, _, _ in os.walk(root)]
    outside = put(root.with_name("outside"), "out.png", "deep/er.png")
    for number in range(data.draw(st.integers(1, 4))):
        target = data.draw(st.sampled_from([*places, outside, outside / "deep", root.parent]))
        (data.draw(st.sampled_from(places)) / f"link-{number}").symlink_to(target, target_is_directory=True)
    taken, _ = found(root)
    real = [os.path.realpath(root / name) for name in taken]
    assert len(set(real)) == len(real), "no picture twice"
    kept = {os.path.realpath(root / name) for name in expected(tree | {"one.jpg": None})}
    assert kept <= set(real)
    assert {name for name in taken if "link-" not in name} == expected(tree | {"one.jpg": None})


# What is left out ------------------------------------------------------------------------------


def test_what_is_left_out_is_counted_in_one_line(tmp_path):
    root = put(tmp_path / "album", "a.jpg", "._a.jpg", ".b.png", ".c.txt", ".thumbnails/a.jpg", ".git/x.png")
    put(root, "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "sub/__MACOSX/x.jpg", "sub/b.JPG", "out/old.png", "out/new/o.png")
    (root / "gone.png").symlink_to(root / "nothing.png")
    (root / "again").symlink_to(root / "sub", target_is_directory=True)
    taken, said = found(root, own=[root / "out"])
    assert taken == ["a.jpg", "sub/b.JPG"]
    assert said == (
        f"'{root}': left out: 2 hidden folders, 2 system folders, 2 hidden files, 1 link to nothing, "
        f"1 folder met a second time, '{root / 'out'}', where this run writes"
    )
    assert found(put(tmp_path / "plain", "a.jpg", "notes.txt")) == (["a.jpg"], "")


@pytest.mark.parametrize("name", [".thumbnails", "@eaDir", "__MACOSX", "$RECYCLE.BIN"])
def test_folder_that_is_named_itself_is_taken_whatever_its_name(tmp_path, name):
    assert found(put(tmp_path / name, "a.jpg", "b/c.png"))[0] == ["a.jpg", "b/c.png"]


def test_training_runs_are_left_out_with_their_samples_unless_they_are_named(tmp_path):
    root = put(tmp_path / "album", "a.jpg", "runs/one/samples/000004.png", "plain/config.yaml", "plain/b.jpg")
    put(root, "runs/one/config.yaml", "runs/one/environment.json")
    for _ in range(2):
        assert found(root) == (["a.jpg", "plain/b.jpg"], f"'{root}': left out: 1 training run")
        assert found(root / "runs" / "one") == (["samples/000004.png"], "")


def test_folder_that_holds_only_what_is_left_out_says_what(tmp_path):
    put(tmp_path, ".cache/a.jpg", "b.txt")
    for find in (find_pictures, find_files):
        with pytest.raises(PictureError, match="holds no picture .* Left out: 1 hidden folder.$"):
            find(tmp_path)


def test_what_the_run_writes_is_left_out_also_behind_a_link_but_not_if_it_is_asked_for(tmp_path):
    root = put(tmp_path / "album", "a.jpg", "styled/a.png", "styled/deep/b.png")
    (root / "elsewhere").symlink_to(put(tmp_path / "other", "o.png", "in/i.png"), target_is_directory=True)
    (root / "inner").symlink_to(tmp_path / "other" / "in", target_is_directory=True)
    assert found(root, [root / "styled"])[0] == ["a.jpg", "elsewhere/in/i.png", "elsewhere/o.png"]
    assert found(root, [root / "elsewhere"])[0] == ["a.jpg", "styled/a.png", "styled/deep/b.png"]
    assert found(root / "styled", [root / "styled"])[0] == ["a.png", "deep/b.png"]
    assert found(root / "styled" / "deep", [root / "styled"])[0] == ["b.png"]
    assert "where this run writes" not in found(root, [root / "not-there-yet"])[1]


@contextmanager
def closed(folder: Path):
    """A folder that this process may not read: root may, so it becomes another for that time."""
    folder.chmod(0)
    user = os.geteuid() if hasattr(os, "geteuid") else None
    try:
        if user == 0:
            os.seteuid(65534)
        yield
    finally:
        if user == 0:
            os.seteuid(0)
        folder.chmod(stat.S_IRWXU)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_folder_that_cannot_be_read_is_said_by_name(monkeypatch):
    with TemporaryDirectory() as place:  # another user cannot enter pytest's own
        os.chmod(place, 0o777)
        monkeypatch.setenv("ZMNET_CACHE", os.path.join(place, "cache"))
        root = put(Path(place) / "album", "a.jpg", "closed/b.jpg")
        said: list[str] = []
        with closed(root / "closed"):
            assert find_pictures(root, say=said.append) == [root / "a.jpg"]
            assert find_files(root, say=said.append) == [str(root / "a.jpg")]
            for find in (find_pictures, find_files):
                with pytest.raises(PictureError, match="closed' cannot be read: you do not have the permission"):
                    find(root / "closed")
        assert said == 2 * [f"'{root}': left out: '{root / 'closed'}' (you do not have the permission)"]


def test_link_that_leads_somewhere_else_later_is_noticed_at_once(tmp_path):
    root, first, second = (put(tmp_path / name, f"{name}.png") for name in ("root", "first", "second"))
    (root / "link").symlink_to(tmp_path / "now", target_is_directory=True)
    for target, wanted in ((first, ["link/first.png", "root.png"]), (second, ["link/second.png", "root.png"])):
        (tmp_path / "now").unlink(missing_ok=True)
        (tmp_path / "now").symlink_to(target, target_is_directory=True)
        assert found(root)[0] == wanted


@given(st.lists(FOLDERS, max_size=3), FILES)
def test_name_within_an_archive_is_a_picture_as_a_file_is(folders, file):
    name = "/".join((".", *(folder for folder in folders if folder not in (".", "..")), file))
    hidden = any(folder.startswith(".") or folder.lower() in SYSTEM for folder in folders if folder not in (".", ".."))
    suffix = os.path.splitext("x" + file)[1].lower()
    assert is_picture(name) == (not hidden and not file.startswith(".") and suffix in KNOWN)
