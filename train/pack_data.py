"""Pack photographs and paintings into shards of a given size, for machines that can take only little with them.

    python train/pack_data.py photographs/ paintings/ --size 512 --max_mib 28 -o packed/
    python train/train.py --content_dir packed/content --style_dir packed/styles …

Both sources may be anything that training reads. Their pictures become WebP files whose short side is at most --size
px (none is enlarged, and a WebP file that fits is taken as it is), in uncompressed tar files, which is what a
WebDataset is made of; names.tsv says which is which. If they do not all fit, the same share of both is taken, at
random. --parts makes several folders of that size, which are carried one after the other and laid together.
left_out.txt names what is left out: pictures that could not be read, and those that there was no room for, which are
not opened. The same command gives the same bytes.
"""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from tqdm import tqdm

from zmnet_core.data.sources import PictureFile, find_files
from zmnet_core.errors import PictureError, TrainingError, in_words
from zmnet_core.files import replacing
from zmnet_core.images.allowing import allowing
from zmnet_core.images.picture import fit_short_side, read_picture
from zmnet_core.networks.tnet import MIN_SIDE
from zmnet_core.options import check_from_zero, run

BLOCK, END = 512, 20 * 512  # bytes: of a tar file's blocks, and of the most that may follow its last file
LEFT_OUT, NAMES = "left_out.txt", "names.tsv"


def mixed(sources: dict[str, Sequence[PictureFile]], seed: int) -> list[tuple[str, PictureFile]]:
    """Files of several kinds in a random order of which every beginning holds the same part of each kind."""
    places = []
    for kind, files in sources.items():
        order = np.random.default_rng(seed).permutation(len(files))
        places += [((rank + 0.5) / len(files), kind, files[index]) for rank, index in enumerate(order)]
    return [(kind, file) for _, kind, file in sorted(places, key=lambda place: place[:2])]


def webp(file: PictureFile, size: int, quality: int) -> bytes:
    """A picture as a WebP file whose short side is at most `size` px; one that is such a file already, as it is.

    Raises:
        PictureError: it is damaged or tiny.
        OSError: it cannot be read.
    """
    data = file.read_bytes()
    picture = read_picture(str(file), data).rgb
    short = min(picture.size)
    if short < MIN_SIDE:
        raise PictureError(f"{picture.width}×{picture.height} px, {MIN_SIDE} are the least")
    with allowing(), Image.open(io.BytesIO(data)) as opened:  # which was read, so it is not too large
        plain = opened.format == "WEBP" and opened.mode == "RGB" and not getattr(opened, "is_animated", False)
        if plain and short <= size and not opened.info.keys() & {"icc_profile", "exif"}:
            return data
    out = io.BytesIO()
    fit_short_side(picture, min(short, size)).save(out, "WEBP", quality=quality, method=6)
    return out.getvalue()


class Part:
    """One folder of shards, filled up to `most` bytes, the tar files' own included."""

    def __init__(self, kinds: Sequence[str], most: int):
        self.pictures: dict[str, list[tuple[str, bytes]]] = {kind: [] for kind in kinds}
        self.room = most - len(self.pictures) * END

    def add(self, kind: str, name: str, data: bytes) -> bool:
        """Take a picture in; False if there is no room for it."""
        needed = BLOCK + -(-len(data) // BLOCK) * BLOCK
        if needed > self.room:
            return False
        self.room -= needed
        self.pictures[kind].append((name, data))
        return True

    def write(self, folder: Path, number: int) -> int:
        """folder/KIND/KIND-number.tar for every kind; the bytes of all."""
        size = 0
        for kind, pictures in self.pictures.items():
            path = folder / kind / f"{kind}-{number}.tar"
            with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
                for name, data in pictures:
                    entry = tarfile.TarInfo(name)
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
            size += path.stat().st_size
        return size


def pack_data(
    content: Annotated[str, typer.Argument(help="the photographs: a folder, a list, tar files or a data set")],
    styles: Annotated[str, typer.Argument(help="the paintings, in any of the same forms")],
    output: Annotated[Path, typer.Option("--output", "-o", help="the folder to write, which must not exist yet")],
    size: Annotated[int, typer.Option(help="the largest short side of a packed picture in pixels", min=64)] = 512,
    max_mib: Annotated[
        float, typer.Option(help="how many MiB a part may take, photographs and paintings together")
    ] = 28.0,
    parts: Annotated[int, typer.Option(help="how many such parts to make: part-0, part-1, …", min=1)] = 1,
    quality: Annotated[int, typer.Option(help="the quality of the WebP files", min=1, max=100)] = 80,
    seed: Annotated[int, typer.Option(help="the seed of the choice where not all pictures fit")] = 0,
) -> None:
    """Pack photographs and paintings into shards of a given size."""
    check_from_zero("--max_mib", max_mib, zero=False)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise TrainingError(f"'{output}' is there already: name a new folder, or take that one away.")
    try:
        output.mkdir(parents=True, exist_ok=True)
        pack(content, styles, output, size, max_mib, parts, quality, seed)
    except OSError as error:
        raise TrainingError(f"'{output}' cannot be written: {in_words(error)}.") from error
    finally:
        if output.is_dir():  # after an error, nothing half is left to be taken for the whole
            for folder in sorted((path for path in output.rglob("*") if path.is_dir()), reverse=True):
                if not any(folder.iterdir()):
                    folder.rmdir()
            if not any(output.iterdir()):
                output.rmdir()


def pack(
    content: str, styles: str, output: Path, size: int, max_mib: float, parts: int, quality: int, seed: int
) -> None:
    """`pack_data`, into an empty folder."""
    sources = {"content": find_files(content), "styles": find_files(styles)}
    names = {id(file): f"{i:06d}.webp" for files in sources.values() for i, file in enumerate(files)}
    part, number, sizes, taken, left_out = Part(tuple(sources), int(max_mib * 2**20)), 0, [], 0, []

    def finish() -> None:
        folder = output if parts == 1 else output / f"part-{number}"
        sizes.append(part.write(folder, number))

    for kind, file in tqdm(mixed(sources, seed), "pack", unit=" pictures", mininterval=5):
        if number == parts:
            left_out.append((file, "no room"))
            continue
        try:
            data = webp(file, size, quality)
        except (OSError, PictureError) as error:
            left_out.append((file, str(error)))
            continue
        if not part.add(kind, names[id(file)], data):
            if not taken:
                size_of_it = f"{len(data) / 2**20:.2f} MiB"
                raise TrainingError(f"--max_mib {max_mib:g} is too small for a single picture ({size_of_it}).")
            finish()
            part, number = Part(tuple(sources), int(max_mib * 2**20)), number + 1
            if number == parts or not part.add(kind, names[id(file)], data):
                left_out.append((file, "no room"))
                continue
        taken += 1
    if number < parts:
        finish()
    missing = {id(file) for file, _ in left_out}
    lines = [
        f"{kind}/{names[id(file)]}\t{file}\n" for kind in sources for file in sources[kind] if id(file) not in missing
    ]
    for file, text in ((NAMES, lines), (LEFT_OUT, [f"{file}\t{why}\n" for file, why in left_out])):
        with replacing(output / file) as temporary:
            temporary.write_text("".join(text), encoding="utf-8", errors="surrogateescape")
    for number, each in enumerate(sizes):
        print(f"part {number}: {each / 2**20:.2f} MiB")
    if len(sizes) < parts:
        print(f"everything had room in {len(sizes)} of {parts} parts")
    total, broken = sum(map(len, sources.values())), sum(why != "no room" for _, why in left_out)
    where = f": '{output / LEFT_OUT}' names them" if left_out else ""
    print(
        f"{taken} of {total} pictures packed; {len(left_out) - broken} had no room, {broken} could not be read{where}"
    )


if __name__ == "__main__":
    run(pack_data)
