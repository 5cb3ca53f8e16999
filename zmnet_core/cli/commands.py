"""The verbs for those who paint with models: each is a few lines over the library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..images.formats import WRITABLE, is_clip
from ..options import MissingOption
from ..styling.look import STEADY, Look, Walk
from .application import verb
from .checks import (
    REST,
    STYLE_FILE,
    check_attributes,
    check_clip_walk,
    check_no_clip_options,
    check_no_place,
    check_place,
    check_regions,
    check_signals,
    check_steady,
    check_styles,
    check_there,
    placed,
    plan_outputs,
    span_of,
    weights_of,
)
from .clips import stylize_clip_file
from .knobs import (
    FPS,
    USUAL,
    WALK,
    AttributeOption,
    DeviceOption,
    MegapixelsOption,
    ModelOption,
    RangeOption,
    ReferenceOption,
    ResumeOption,
    SteadyOption,
    with_knobs,
)
from .loading import in_regions, load_model, load_signal, load_style, with_colours
from .pictures import Job, is_whole, stylize_all
from .pipes import PIPE, check_pipes, read
from .refining import check_refine, refined


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
    refine_layers: Annotated[
        str | None,
        typer.Option(
            metavar="LAYERS",
            help="Which layers --refine may change, by name (detail,weave,tones) or by number (4-9). If left out, all.",
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
    check_refine(paintings or [], attribute or [], refine, refine_on or [], refine_layers)
    look = Look(style_size=style_size, bold=bold)
    network = load_model(model, device)

    from ..styling.style import Style

    signals = [load_style(network, file, look, megapixels) for file in paintings or []]
    style = Style.blend(signals + [network.encode_attribute(text) for text in attribute or []])
    if refine and paintings:
        style = refined(network, style, paintings[0], refine_on or [], refine, refine_layers, megapixels)
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
