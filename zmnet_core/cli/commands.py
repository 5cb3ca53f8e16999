"""The `zmnet` command: every verb is a few lines over the library.

Nothing heavy is imported before a verb runs, so that `zmnet --help` answers at once.
"""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from .. import options
from ..images.formats import WRITABLE, is_clip
from ..networks.constants import STYLE_SIZE
from ..options import MissingOption, dashed, fail
from ..styling.look import KNOBS, LAYERS, STEADY, STEADY_HELP, Look, Walk, default_of, knobs_of
from .checks import (
    REST,
    STYLE_FILE,
    check_attributes,
    check_clip_walk,
    check_folder,
    check_no_clip_options,
    check_no_place,
    check_place,
    check_regions,
    check_signals,
    check_steady,
    check_styles,
    check_there,
    is_file,
    placed,
    plan_outputs,
    span_of,
    weights_of,
)
from .clips import stylize_clip_file
from .pictures import Job, is_whole, stylize_all
from .pipes import PIPE, check_pipes, read
from .refining import check_refine, refined

if TYPE_CHECKING:
    from ..model import ZMNet
    from ..styling.regions import Regions
    from ..styling.style import Style

app = typer.Typer(
    cls=options.Commands,
    help="Restyle photographs with any painting, in real time (ZM-Net).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=options.SETTINGS,
)


def show_version(wanted: bool) -> None:
    """Print the version and exit."""
    if wanted:
        from ..version import __version__

        typer.echo(f"zmnet {__version__}")
        raise typer.Exit()


@app.callback()
def main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Restyle photographs with any painting, in real time (ZM-Net)."""
    from tqdm.contrib.logging import logging_redirect_tqdm

    context.with_resource(logging_redirect_tqdm())  # a warning gets a line of its own, and not the end of a bar's


ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="The model: the name of a bundled one (base, bold, mini), a folder, or a Hugging Face Hub id "
        "(org/name or org/name@revision).",
    ),
]
DeviceOption = Annotated[
    str, typer.Option(help="Where to compute: cpu, cuda, cuda:1 or mps. auto takes a GPU if there is one.")
]


MegapixelsOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="The largest picture that is read, in megapixels; 0 reads any. If left out, $ZMNET_MEGAPIXELS, or 256.",
    ),
]


NAMES = {  # of switches; those behind the first are what they were called before
    "keep_colour": ["--keep-colour"],
    "smooth": ["--smooth/--no-smooth", "--ease"],
    "there_and_back": ["--there-and-back", "--loop"],
}


def knob(name: str, of: type = Look) -> Any:
    """The option of one knob: its range and help."""
    found, hint = knobs_of(of)[name], typing.get_type_hints(of)[name]
    if name == "layers":
        return Annotated[str | None, typer.Option(help=found.help, metavar="NAMES|WEIGHTS")]
    if name == "palette_of":
        return Annotated[Path | None, typer.Option(help=found.help, metavar="PICTURE")]
    if found.least is None:
        return Annotated[hint, typer.Option(*NAMES[name], help=found.help)]
    number = int if found.whole else float
    least, most = (None if end is None else number(end) for end in (found.least, found.most))
    return Annotated[hint, typer.Option(min=least, max=most, help=found.help)]


def rows_of(name: str, what: str) -> Any:
    """The option of `evaluate` for rows with several values of a knob: its range."""
    found = KNOBS[name]
    text = f"Adds a row in which {what}. Repeat the option for several rows."
    return typer.Option(min=found.least, max=found.most, help=text)


BoldRows = Annotated[list[float] | None, rows_of("bold", "the model is told to paint this boldly, if it can be told")]
PaletteRows = Annotated[list[float] | None, rows_of("palette", "the knob palette has this value")]
USUAL, WALK, FPS = Look(), Walk(), 24.0


def with_knobs(command: Callable[..., None]) -> Callable[..., None]:
    """The command with options for knobs: for every one in place of its parameters `look` and `walk`, else by name."""
    hints = typing.get_type_hints(command, include_extras=True)
    parts: dict[str, type[Look | Walk]] = {}
    parameters: dict[str, tuple[Any, Any]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if name in ("look", "walk"):
            parts[name] = hints[name]
            for each in knobs_of(hints[name]):
                default = None if each == "layers" else default_of(hints[name], each)
                parameters[each] = (knob(each, hints[name]), default)
        else:
            parameters[name] = (knob(name) if name in KNOBS else hints[name], parameter.default)

    @wraps(command)
    def run(**given: Any) -> None:
        for name, cls in parts.items():
            given[name] = made(cls, {each: given.pop(each) for each in knobs_of(cls)})
        command(**given)

    return options.declare(run, parameters)


def made(cls: type[Look | Walk], knobs: dict[str, Any]) -> Look | Walk:
    """A look or a walk of a command's options.

    Raises:
        typer.BadParameter: a value that its option takes and they do not.
    """
    if "layers" in knobs:
        knobs["layers"] = LAYERS if knobs["layers"] is None else knobs["layers"]
    try:
        cls.check(knobs, lambda name: f"--{dashed(name)}")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return cls(**knobs)


SteadyOption = Annotated[str, typer.Option(help=STEADY_HELP, metavar=f"[{'|'.join(STEADY)}]")]
ReferenceOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECOND",
        help="With --steady first: the second of the clip whose frame its scene goes by. Scenes that it is not in, and "
        "all if it is left out, go by their first clear frame.",
    ),
]
RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="START:END",
        help="Of a clip, only these seconds, to try something out: 10:14, 10: or :4. The result begins at 0.",
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with clips that were stopped, from what lies beside their results (OUT.part.mp4). All else has to "
        "be as it was.",
    ),
]
AttributeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute",
        "-a",
        help='Words or colours, such as "0.7 night + 0.3 impressionism" or "#d9a441". Repeat the option to blend '
        "several.",
    ),
]


class Verb(options.Command):
    """A command that also says what to do when memory runs out."""

    def invoke(self, ctx: Any) -> Any:
        """Do what the command does."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):  # these are RuntimeErrors, too
            raise
        except (MemoryError, RuntimeError) as error:
            from ..styling.tiling import out_of_memory

            if not isinstance(error, MemoryError) and not out_of_memory(error):
                raise
            fail(f"out of memory ({error}). Try --tile 512, a smaller --size, or --device cpu.")


verb = partial(app.command, cls=Verb)


def load_model(name: str, device: str) -> ZMNet:
    """The model on its device."""
    from ..hub.locate import find

    find(name)  # before torch, whose import takes seconds
    import torch

    from ..model import ZMNet

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return ZMNet.from_pretrained(name).to(torch.device(device))
    except (RuntimeError, AssertionError) as error:  # torch's two ways to say that a device is not there
        fail(f"the device '{device}' cannot be used: {error}")


def load_style(model: ZMNet, file: Path, look: Look, megapixels: float | None) -> Style:
    """A style file as it is, or a painting encoded."""
    from ..styling.paint import encode_painting
    from ..styling.style import Style

    if file.suffix == STYLE_FILE:
        return Style.load(file)
    return encode_painting(model, read(file, look.style_size, megapixels).rgb, look, "" if file == PIPE else file.stem)


def with_colours(look: Look, megapixels: float | None) -> Look:
    """The look with what the file of its `palette_of` holds."""
    if not isinstance(file := look.palette_of, Path):
        return look

    from ..styling.palette_of import with_palette_read

    if file.suffix != STYLE_FILE:
        look = replace(look, palette_of=read(file, STYLE_SIZE, megapixels).rgb)
    return with_palette_read(look)


def in_regions(styles: list[Style], places: list[str], megapixels: float | None) -> Regions:
    """Each style where its mask is; the place of one may be the rest."""
    from ..styling.regions import Regions

    rest = styles[places.index(REST)] if REST in places else None
    pairs = []
    for style, place in zip(styles, places):
        if place != REST:
            picture = read(Path(place), None, megapixels)
            mask = picture.rgb.copy()
            if picture.alpha is not None:
                mask.putalpha(picture.alpha)
            pairs.append((style, mask))
    return Regions(pairs, rest)


def load_signal(model: ZMNet, text: str, look: Look, megapixels: float | None) -> Style:
    """The style of a painting or style file, or of words."""
    if is_file(text):
        return load_style(model, Path(text), look, megapixels)
    return model.encode_attribute(text)


@verb()
@with_knobs
def stylize(
    contents: Annotated[
        list[Path],
        typer.Argument(
            help="Photographs and clips, or folders of them; - reads a photograph from the standard input. Clips need "
            "the package av.",
            metavar="CONTENT...",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where to write: a file (.jpg, .png, .webp) for one photograph, one (.mp4, .mov, .mkv) for one clip, "
            "a folder for several, or for one if the name ends in a slash; - writes a PNG to the standard output.",
        ),
    ],
    style: Annotated[
        list[Path] | None,
        typer.Option(
            "--style",
            "-s",
            help="A painting, or a style file that `zmnet encode` wrote. Repeat the option to blend several; or say "
            "where each goes, by a mask (white is where) or rest: a.jpg@mask.png, b.jpg@rest.",
        ),
    ] = None,
    attribute: AttributeOption = None,
    blend: Annotated[
        str | None,
        typer.Option(
            help="The weights of the styles and then of the attributes, such as 0.7,0.3. If left out, they are equal."
        ),
    ] = None,
    look: Look = USUAL,
    steady: SteadyOption = STEADY[-1],
    reference: ReferenceOption = None,
    span: RangeOption = None,
    resume: ResumeOption = False,
    quality: Annotated[int, typer.Option(min=1, max=100, help="The quality of JPEG and WebP files.")] = 92,
    keep_profile: Annotated[
        bool,
        typer.Option(
            "--keep-profile",
            help="Write the result in the photograph's own colour profile, if it has one for RGB. Without it, results "
            "are sRGB.",
        ),
    ] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Leave results alone that are there already and whole: so the same command goes on where it was "
            "interrupted.",
        ),
    ] = False,
    megapixels: MegapixelsOption = None,
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Restyle photographs or clips after a painting, after words, or after a blend of several."""
    given = [placed(str(file)) for file in style or []], [placed(text, of_file=False) for text in attribute or []]
    style, attribute = [Path(name) for name, _ in given[0]], [name for name, _ in given[1]]
    others = [*style, *([look.palette_of] if isinstance(look.palette_of, Path) else [])]
    if not style and not attribute:
        raise MissingOption("give a painting or a style file, or words by --attribute", param_hint="--style")
    places = [place for each in given for _, place in each]
    check_regions(places, [*map(str, style), *attribute], blend)
    masks = [Path(place) for place in places if place not in ("", REST)]
    weights = weights_of(blend, len(style) + len(attribute))
    check_attributes(attribute)
    check_steady(steady, reference)
    seconds = span_of(span)
    check_pipes([*contents, *others], Path(output))
    jobs = plan_outputs(contents, Path(output), keep=[*others, *masks], folder=output[-1:] in {"/", os.sep, os.altsep})
    if not any(is_clip(file) for file, _ in jobs):
        check_no_clip_options(span, reference, resume)
    check_styles(others)
    missing = [job for job in jobs if not (skip_existing and is_whole(job[1]))]
    done: list[Job] = []
    skipped = 0
    if missing:
        network = load_model(model, device)
        look = with_colours(look, megapixels)

        from ..styling.style import Style

        signals = [load_style(network, file, look, megapixels) for file in style]
        signals += [network.encode_attribute(text) for text in attribute]
        mixed = Style.blend(signals, weights) if not any(places) else in_regions(signals, places, megapixels)

        def clip(source: Path, target: Path) -> None:
            stylize_clip_file(network, source, target, [mixed], None, look, steady, seconds, reference, resume)

        try:
            skipped = stylize_all(network, missing, mixed, look, quality, done, clip, megapixels, keep_profile)
        except KeyboardInterrupt:
            left = len(missing) - len(done)
            if len(jobs) > 1 or not is_clip(jobs[0][0]):  # of which it has been told
                options = "--skip-existing" + " --resume" * any(is_clip(file) for file, _ in jobs)
                typer.echo(f"stopped, {left} of {len(jobs)} are left: {options} goes on with these.", err=True)
            raise typer.Exit(130) from None
    if len(jobs) == 1:
        if jobs[0][1] != PIPE:
            typer.echo(jobs[0][1] if done else f"'{jobs[0][1]}' is there already")
    else:
        there = len(jobs) - len(missing)
        counts = [f"{there} of them were there already"] * bool(there) + [f"{skipped} skipped"] * bool(skipped)
        clips = sum(is_clip(file) for file, _ in jobs)
        what = "pictures" if not clips else "clips" if clips == len(jobs) else "pictures and clips"
        typer.echo(", ".join([f"{there + len(done)} {what} in {output}", *counts]))
    if skipped:
        raise typer.Exit(1)


@verb()
@with_knobs
def encode(
    output: Annotated[Path, typer.Option("--output", "-o", help="The style file to write (.safetensors, 15 KB).")],
    paintings: Annotated[
        list[Path] | None,
        typer.Argument(help="One painting, or several, which are blended equally.", metavar="PAINTING"),
    ] = None,
    attribute: AttributeOption = None,
    style_size: int = USUAL.style_size,
    bold: float = USUAL.bold,
    refine: Annotated[
        int,
        typer.Option(
            min=0,
            max=1000,
            help="How many steps the style of one painting is optimised for before it is written: closer to the "
            "painting, on all photographs. 50 take a minute or two on two cores. Ctrl-C keeps what is reached.",
        ),
    ] = 0,
    refine_on: Annotated[
        list[Path] | None,
        typer.Option(
            help="A photograph to refine on; repeat it for several. If left out, four that come with the library."
        ),
    ] = None,
    megapixels: MegapixelsOption = None,
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Save the style of a painting or of words to a file, which `zmnet stylize --style FILE.safetensors` applies."""
    if not paintings and not attribute:
        raise MissingOption("give a painting, or words by --attribute", param_hint="PAINTING")
    check_place(output, [STYLE_FILE])
    check_attributes(attribute or [])
    check_pipes(paintings or [])
    for painting in paintings or []:
        check_no_place(str(painting))
    check_styles(paintings or [])
    check_refine(paintings or [], attribute or [], refine, refine_on or [])
    look = Look(style_size=style_size, bold=bold)
    network = load_model(model, device)

    from ..styling.style import Style

    signals = [load_style(network, file, look, megapixels) for file in paintings or []]
    style = Style.blend(signals + [network.encode_attribute(text) for text in attribute or []])
    if refine and paintings:
        style = refined(network, style, paintings[0], refine_on or [], refine, megapixels)
    typer.echo(style.save(output))


@verb()
@with_knobs
def animate(
    photograph: Annotated[
        Path,
        typer.Argument(
            help="The photograph to animate, or a clip, along which the style then changes.", metavar="PHOTO|CLIP"
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The file to write: .gif, or .mp4, which needs the package av and leaves out the last row or column "
            "of an odd-sized picture. Of a clip: .mp4, .mov or .mkv.",
        ),
    ],
    start: Annotated[
        str, typer.Option("--from", help="The style of the first frame: words, a painting or a style file.")
    ],
    end: Annotated[str, typer.Option("--to", help="The style of the last frame: words, a painting or a style file.")],
    walk: Walk = WALK,
    fps: Annotated[float, typer.Option(min=1, max=120, help="Frames per second. A clip keeps its own.")] = FPS,
    look: Look = USUAL,
    steady: SteadyOption = STEADY[-1],
    reference: ReferenceOption = None,
    span: RangeOption = None,
    resume: ResumeOption = False,
    megapixels: MegapixelsOption = None,
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Animate a photograph from one style to another, from noon to night or from one painting to the next; or change
    the style along a clip.
    """
    from ..images.video import check_video, write_video

    check_steady(steady, reference)
    seconds, along_clip = span_of(span), is_clip(photograph)
    if along_clip:
        check_clip_walk(photograph, output, walk, fps != FPS)
    else:
        check_no_clip_options(span, reference, resume)
        check_video(output)
    check_place(output)
    others = [look.palette_of] if isinstance(look.palette_of, Path) else []
    check_pipes([photograph, *(Path(text) for text in (start, end)), *others])
    check_styles(others)
    check_there(photograph, "clip" if along_clip else "picture")
    check_signals([start, end])
    network = load_model(model, device)
    look = with_colours(look, megapixels)
    if along_clip:
        first, last = (load_signal(network, text, look, megapixels) for text in (start, end))
        stylize_clip_file(network, photograph, output, [first, last], walk, look, steady, seconds, reference, resume)
        typer.echo(output)
        return

    from tqdm import tqdm

    from ..images.picture import fit_short_side, to_pil, to_tensor
    from ..networks.tnet import MIN_SIDE
    from ..styling.paint import frames as painted
    from ..styling.paint import shares_of

    picture = read(photograph, look.size, megapixels)
    content = to_tensor(fit_short_side(picture.rgb, look.size, least=MIN_SIDE, full=picture.full))[None]
    first, last = (load_signal(network, text, look, megapixels) for text in (start, end))
    shares = shares_of(walk.frames, walk.smooth, walk.there_and_back)
    pictures = painted(network, content, first, last, shares, look)
    bar = tqdm(pictures, "animate", total=walk.frames, unit="frame")
    typer.echo(write_video(output, (to_pil(picture) for picture in bar), fps))


@verb()
def words(
    search: Annotated[str, typer.Argument(help="List only words that contain these letters.", metavar="LETTERS")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="List all words and phrases that work offline, not only the trained ones.")
    ] = False,
    model: ModelOption = "zmnet-base",
) -> None:
    """List the words that a model was trained on, for use with --attribute."""
    pnets = load_model(model, "cpu").vector_pnets

    from ..errors import WrongModelError
    from ..signals.sentences import sentences
    from ..signals.words import glove

    if not pnets:
        raise WrongModelError(f"'{model}' is guided by pictures only: it has no words.")
    for signal, pnet in pnets.items():
        for family, members in pnet.words.items():
            if found := [word for word in members if search.lower() in word.lower()]:
                typer.echo(f"{family}: {', '.join(found)}")
        if everything:
            shipped = {"sentence": lambda: sentences().table.words, "glove": lambda: glove().words}
            known = [*pnet.names, *(shipped[signal]() if signal in shipped else ())]
            typer.echo("\n".join(word for word in dict.fromkeys(known) if search.lower() in word.lower()))
    if not any(pnet.words for pnet in pnets.values()):
        listed = any(signal in ("sentence", "glove") or pnet.names for signal, pnet in pnets.items())
        hint = " `zmnet words --all` lists what has a vector." if listed and not everything else ""
        typer.echo(f"'{model}' reads {' and '.join(pnets)} vectors, and does not say what it was trained on.{hint}")
    if "histogram" in pnets and not search:
        typer.echo("colours: any, as #d9a441")


@verb()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The contact sheet to write (.png or .jpg).")] = Path(
        "zmnet-demo.png"
    ),
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Paint the bundled photographs after the bundled paintings, all on one contact sheet."""
    check_place(output, WRITABLE)
    typer.echo("Painting the bundled photographs after the bundled paintings.", err=True)
    network = load_model(model, device)

    from tqdm import tqdm

    from ..images.picture import Picture, write_picture
    from .demo import demo_pictures, demo_sheet

    photographs, paintings = demo_pictures()
    with tqdm(desc="demo", total=len(photographs) * len(paintings), unit="picture") as bar:
        sheet = demo_sheet(network, photographs, paintings, step=bar.update)
    typer.echo(write_picture(Picture(sheet), output).resolve())


@verb()
def evaluate(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder that gets the report.")] = Path(
        "zmnet-evaluation"
    ),
    data: Annotated[
        Path | None,
        typer.Option(
            help="The folder in which the paths of the pairs start. If left out, the folder of their list, or else "
            "$ZMNET_DATA/data."
        ),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="A list of your own, with a photograph, a tab and a painting on each line.")
    ] = None,
    training_pairs: Annotated[
        Path | None,
        typer.Option(
            help="A list like --pairs, but with paintings of the training set, to measure the zero-shot gap. The "
            "bundled pairs have such a list; a list of your own is measured without the gap unless you give one."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first so many pairs.")] = None,
    size: Annotated[
        list[int] | None,
        typer.Option(
            min=64,
            help="The side of the pictures in pixels, a multiple of 4. Repeat the option for several sizes; if left "
            "out, they are 256, 512 and 1024. Pairs whose pictures are smaller than 7/8 of a size are left out there.",
        ),
    ] = None,
    enlarge: Annotated[
        bool, typer.Option("--enlarge", help="Enlarge pictures that are too small, instead of leaving them out.")
    ] = False,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="The network that judges the pictures, vgg16 or vgg19. Repeat the option for both, which is also what "
            "happens if it is left out."
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="Another model, which gets a row of its own. Repeat the option for several."),
    ] = None,
    ost: Annotated[
        int,
        typer.Option(
            min=0,
            help="How many of the pairs are also optimised one by one (OST), which takes minutes each without a GPU.",
        ),
    ] = 20,
    ost_steps: Annotated[int, typer.Option(min=1, help="How many steps of Adam each of these gets.")] = 100,
    ost_coarse_steps: Annotated[
        int, typer.Option(min=0, help="How many steps come before these at half the size, at a quarter of the cost.")
    ] = 100,
    ost_pyramid: Annotated[
        bool,
        typer.Option(
            help="Optimise the style at a half and a quarter of the size as well, since it is measured there."
        ),
    ] = True,
    peers: Annotated[
        Path | None,
        typer.Option(
            help="A folder with clones of EndyWon/MicroAST and MingSun-Tse/Collaborative-Distillation, which then get "
            "rows of their own. If left out, $ZMNET_PEERS."
        ),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(
            help="A folder of clips. They are painted in every way of --steady, in place of the pairs, and what "
            "flickers is measured. Of the other options, --size (the short side, 256 if it is left out), --limit and "
            "--beside count then. It needs opencv-python-headless."
        ),
    ] = None,
    bold: BoldRows = None,
    palette: PaletteRows = None,
    noise: Annotated[
        int, typer.Option(min=0, help="After how many of the paintings a noisy sky is painted, to measure grain.")
    ] = 8,
    blind: Annotated[
        int,
        typer.Option(
            min=0,
            help="For how many pairs a sheet is written to OUTPUT/blind on which the methods stand under letters; "
            "`zmnet tally` counts the answers.",
        ),
    ] = 0,
    blind_seed: Annotated[int, typer.Option(help="The seed of the order of these letters.")] = 0,
    gap: Annotated[bool, typer.Option(help="Measure the zero-shot gap, at the first size.")] = True,
    brief: Annotated[
        bool,
        typer.Option(
            "--brief",
            help="Print only a short table for each size, as in docs/results.md. The folder gets the whole report.",
        ),
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="The folder that keeps results between runs. If left out, OUTPUT/cache.")
    ] = None,
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Score a model on 100 pairs of unseen photographs and paintings, beside other methods."""
    check_folder(output, f"-o '{output}'")
    networks = {"zm-net": load_model(model, device)} | {name: load_model(name, device) for name in beside or []}

    if clips is not None:
        from ..evaluation.steadiness import SIDE, steadiness

        named = {each.name or name: each for name, each in networks.items()}
        for line in steadiness(named, clips, output, size[0] if size else SIDE, limit):
            typer.echo(line)
        return

    from ..evaluation.comparison import Comparison

    comparison = Comparison(
        cache or output / "cache", pairs, training_pairs, data, limit, size or [256, 512, 1024],
        judge or ["vgg16", "vgg19"], ost, ost_steps, ost_coarse_steps, gap, ost_pyramid=ost_pyramid, enlarge=enlarge,
        noise=noise, peers=peers, bold=bold or [], palette=palette or [], blind=blind, blind_seed=blind_seed,
        brief=brief,
    )  # fmt: skip
    for line in comparison.run(networks, output, {"model": model}):
        typer.echo(line)


@verb()
def tally(
    answers: Annotated[
        Path,
        typer.Argument(help="A text file with an observer's choices, one line per pair, such as `1: first C, last A`."),
    ],
    key: Annotated[Path, typer.Option(help="The key that `zmnet evaluate --blind` wrote.")] = Path(
        "zmnet-evaluation/blind-key.json"
    ),
) -> None:
    """Count how often each method was chosen first and last on blind sheets."""
    check_there(answers, "file of answers")
    check_there(key, "key")

    from ..evaluation.blind import tally as count
    from ..evaluation.blind import tally_text

    typer.echo(tally_text(count(answers, key)))


@verb()
def push(
    run: Annotated[
        str,
        typer.Argument(
            help="The folder of a training run. If it holds a README.md, that is used instead of the model card.",
            metavar="RUN",
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            help="The Hugging Face Hub id of the repository, which is made if it does not exist.", metavar="ORG/NAME"
        ),
    ],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            help="A Hub token with write access. If left out, the one from `hf auth login` or $HF_TOKEN is used."
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(help="The branch to write to, which is made if it does not exist. If left out, main."),
    ] = None,
    message: Annotated[str, typer.Option(help="The first line of the commit message.")] = "Upload a ZM-Net",
    licence: Annotated[str, typer.Option(help="The licence of the weights, for the card.")] = "apache-2.0",
    samples: Annotated[
        bool,
        typer.Option("--samples", help="Also upload the newest validation grid, which shows pictures of your data."),
    ] = False,
) -> None:
    """Upload a model to the Hugging Face Hub, with a card made from its run."""
    from ..hub.locate import find

    find(run)  # before torch, whose import takes seconds

    from ..training.publish import push_run

    typer.echo(push_run(run, name, private or None, token, revision, message, licence, samples))


class TrainCommand(TyperCommand):
    """`zmnet train` with the options of a TrainingConfig, made only when they are asked for, since they load torch."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """What typer calls before it runs a command: here it hands over to the command of `zmnet_core.training`."""
        from ..training.__main__ import command

        made = options.command_line(command, cls=options.ManyOptions)
        return typer.main.get_command(made).make_context(info_name, args, parent, **extra)


@app.command(cls=TrainCommand)
def train() -> None:
    """Train a model of your own; `zmnet train --help` lists the options. On several devices, start
    `accelerate launch -m zmnet_core.training` with the same options.
    """


@verb()
def bench(
    repeat: Annotated[int, typer.Option(min=1, help="How many runs of each line are timed; the median counts.")] = 5,
    large: Annotated[bool, typer.Option(help="Also measure the memory that a picture of 4096 × 4096 takes.")] = True,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="Another model to time at 384 × 384, or magenta. Repeat the option for several."),
    ] = None,
    side: Annotated[
        list[int] | None,
        typer.Option(
            min=16,
            help="The side of the pictures in pixels. Repeat the option for several; if left out, they are 256, 512 "
            "and 1024.",
        ),
    ] = None,
    clip: Annotated[
        int,
        typer.Option(
            min=0,
            help="Also paint a clip of so many frames of 640 × 360 on the CPU, and measure its time and memory beside "
            "those of single frames. 1000 takes minutes; the package av is needed.",
        ),
    ] = 0,
    model: ModelOption = "zmnet-base",
    device: DeviceOption = "auto",
) -> None:
    """Measure time and memory, beside the bare convolutions of the same shapes and beside other models."""
    network = load_model(model, device)

    from ..evaluation.bench import SIDES, race, report

    for line in report(network, model, repeat, large, tuple(side or SIDES)):
        typer.echo(line)
    if beside:
        others = {name: None if name == "magenta" else load_model(name, device) for name in beside}
        for line in race({model: network, **others}, repeat):
            typer.echo(line)
    if clip:
        from ..evaluation.bench_clips import clips

        for line in clips(model, clip):
            typer.echo(line)
