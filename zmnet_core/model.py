"""`ZMNet`: the networks, and what users do with them apart from tensors: PIL images, files, the Hub."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from typing_extensions import Self, Unpack

from .card import CARD, model_card
from .errors import WrongModelError, in_words, shortened
from .files import write_json, write_tensors
from .hub.locate import ATTRIBUTE_WEIGHTS, CONFIG, WEIGHTS, find, known_as, read_config
from .hub.repository import Repository
from .images.picture import to_picture
from .networks.unmade import made_like, unmade
from .networks.vector_pnet import VectorPNet
from .styling.look import Knobs, Look
from .styling.network import StyleTransfer
from .styling.paint import encode_painting, stylize_picture
from .styling.parts import Parts
from .styling.regions import AnyStyle, Regions
from .styling.style import Style
from .tensor_files import not_floats, opened, shapes_of

ATTRIBUTES = "attribute_pnets."  # what the names of the tensors of attribute.safetensors begin with
PARTS = ("tnet", "pnet", "reviser", "attribute_pnets")  # of a config.json
COMPILED = "_orig_mod."  # what `torch.compile` puts before the names of the module that it wraps
LFS_POINTER = b"version https://git-lfs"  # what a clone without Git LFS has in place of large files


class ZMNet(StyleTransfer):
    """Zero-shot image manipulation network: Y = TNet(X_c; γ, β), γ, β = PNet(X_s).

    >>> model = ZMNet.from_pretrained("zmnet-base")
    >>> style = model.encode_style(painting)             # [1, 3, H, W] in 0..1
    >>> stylised = model.apply(photographs, style)       # [B, 3, H, W] in 0..1

    Args:
        tnet: keyword arguments of `TNet`, e.g. `{"width": 32}`.
        pnet: `{"kind": "vgg"}` and keyword arguments of that PNet.
        reviser: keyword arguments of `Reviser`: large pictures are painted small, enlarged and revised.
        attribute_pnets: PNets for words or colours beside an image PNet, by signal, e.g.
            `{"sentence": {"kind": "mlp", "size": 64}}`; they write into the same space of γ, β.
        schema: the version of this description; one that is newer than the library's is refused.
    """

    def stylize(self, photograph: Image.Image, painting: Image.Image | AnyStyle, **look: Unpack[Knobs]) -> Image.Image:
        """PIL in, PIL out: `model.stylize(photograph, painting, strength=0.8).save("out.png")`.

        Args:
            photograph: a picture of any mode and size; its transparency is kept.
            painting: a picture, or a `Style`, or `Regions` of several. Pictures are brought to sRGB, and colours that
                transparency hides have no influence.
            look: the knobs of `zmnet_core.styling.look.Look`, by name: strength, layers, size, style_size, bold,
                keep_colour, palette, calm, brush, draft, tile, match, palette_of. With a `Style`, style_size and bold
                do nothing.

        Returns:
            An upright sRGB picture, mode RGB or RGBA. If the photograph had a colour profile, its `info` has that of
            sRGB; artist, copyright, date and resolution are there as well (`exif`, `dpi`).

        Raises:
            TypeError: there is no such knob; the message names the nearest.
            ValueError: a value is off its scale, or two values exclude each other.
        """
        how = Look.of("stylize", look)
        style = painting if isinstance(painting, Style | Regions) else encode_painting(self, painting, how)
        return stylize_picture(self, to_picture(photograph), style, how).to_image()

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path = "zmnet-base",
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        token: str | bool | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
        **overrides: Unpack[Parts],
    ) -> Self:
        """Load a trained model: in float32, on the CPU, ready to use.

        Args:
            pretrained_model_name_or_path: a model that ships with the library ("zmnet-base"), a folder that holds
                config.json and model.safetensors, or a Hugging Face Hub id ("org/name" or "org/name@revision").
            revision: a branch, tag or commit, if it is a Hub id.
            cache_dir: the folder for downloads, in place of huggingface_hub's cache.
            token: a Hub token; if left out, the one of `hf auth login` or $HF_TOKEN is used.
            local_files_only: download nothing.
            force_download: download files again even if the cache has them.
            overrides: values that replace those of config.json; `attribute_pnets=None` leaves out the PNets for words
                and colours.

        Raises:
            WeightsNotFoundError: there is no such model, or it cannot be downloaded; the message says what to do.
            WrongModelError: a file does not hold this model, or has another schema.
        """
        given = str(pretrained_model_name_or_path)
        file = find(
            given,
            revision,
            cache_dir=cache_dir,
            token=token,
            local_files_only=local_files_only,
            force_download=force_download,
        )
        config, weights = file(CONFIG), file(WEIGHTS)
        described = {name: value for name, value in read_config(config).items() if name in PARTS}
        described.update(overrides)
        try:
            with unmade():
                model = cls(**described)
        except (TypeError, ValueError, RuntimeError) as error:  # the last one of sizes that no tensor has
            raise WrongModelError(f"'{config}' describes no model of this version: {shortened(error)}.") from error
        model.load_weights(weights)
        if model.attribute_pnets:
            model.load_attribute_weights(file(ATTRIBUTE_WEIGHTS))
        model.name = known_as(given, config)
        return model.eval().requires_grad_(False)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        commit_message: str = "Upload a ZM-Net",
    ) -> str:
        """Upload config.json, model.safetensors and a model card, in one commit.

        `zmnet push` uploads a run's files as they are (float16), with a card made from the run.

        Args:
            repo_id: "org/name"; the repository is made if it does not exist.
            private: whether to make it private; if left out, the organisation's default holds, or else it is public.
            token: a Hub token with write access; if left out, the one of `hf auth login` or $HF_TOKEN is used.
            revision: a branch, which is made if it does not exist; if left out, main.
            commit_message: the first line of the commit message.

        Returns:
            The address of the commit.

        Raises:
            HubError: the Hub cannot be reached or refuses; the message says what to do.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            files: dict[str, Path | bytes] = {path.name: path for path in Path(folder).iterdir()}
            files[CARD] = str(model_card(self.config, repo_id)).encode()
            return Repository(repo_id, revision, token=token).upload(files, commit_message, private)

    def load_weights(self, file: str | os.PathLike[str]) -> None:
        """Load a safetensors file of exactly the tensors of this model's TNet and PNet.

        Raises:
            WrongModelError: tensors are missing, unknown or of another shape; the message names them.
        """
        self._load(file, attributes=False)

    def load_attribute_weights(self, file: str | os.PathLike[str]) -> None:
        """Load a safetensors file of exactly the tensors of the PNets for words and colours.

        Raises:
            WrongModelError: the file was made for another TNet, or holds other tensors.
        """
        self._load(file, attributes=True)
        with opened(file) as tensors:
            made_for = (tensors.metadata() or {}).get("fingerprint", "none")
        if made_for != self.fingerprint:
            raise WrongModelError(
                f"'{file}' was made for the TNet {made_for[:8]}, this model's is {self.fingerprint[:8]}. Train it "
                "again (train/words.py), or leave it out: from_pretrained(…, attribute_pnets=None)."
            )

    def _load(self, file: str | os.PathLike[str], attributes: bool) -> None:
        own = self.tensors(attributes)
        try:
            with opened(file) as tensors:
                self._check(file, own, shapes_of(tensors), not_floats(tensors))
                state = {name: made_like(tensor, tensors.get_tensor(name)) for name, tensor in own.items()}
        except OSError as error:
            raise WrongModelError(f"'{file}' cannot be read: {in_words(error)}.") from error
        except SafetensorError as error:
            advice = ": it is damaged or cut short. Copy or download it again."
            if _begins_with(file, LFS_POINTER):
                advice = ": it only points to the weights. Fetch them by `git lfs pull`."
            raise WrongModelError(f"'{file}' cannot be read as safetensors ({shortened(error)}){advice}") from error
        broken = sorted(key for key, tensor in state.items() if not tensor.isfinite().all())
        if broken:
            raise WrongModelError(
                f"'{file}' holds NaN or infinite weights ({', '.join(broken[:8])}): the run that wrote it has failed. "
                "Take an earlier checkpoint."
            )
        names = {name.replace(COMPILED, ""): name for name in self.state_dict()}
        unmade = any(tensor.is_meta for tensor in own.values())
        self.load_state_dict({names[name]: tensor for name, tensor in state.items()}, strict=False, assign=unmade)

    def _check(
        self, file: str | os.PathLike[str], own: dict[str, Tensor], shapes: dict[str, list[int]], others: list[str]
    ) -> None:
        """Refuse a file by what its header says, before anything is read of it or made for it."""
        wrong = [
            f"{key} is {shapes[key]}, expected {list(own[key].shape)}"
            for key in sorted(own.keys() & shapes.keys())
            if shapes[key] != list(own[key].shape)
        ]
        problems = {
            "missing": sorted(own.keys() - shapes.keys()),
            "unknown": sorted(shapes.keys() - own.keys()),
            "wrong shape": wrong,
            "no floating point": others,
        }
        if not any(problems.values()):
            return
        lines = [f"'{file}' does not hold this model (TNet {self.config['tnet']}, PNet {self.config['pnet']})."]
        for what, keys in problems.items():
            if keys:
                more = f" and {len(keys) - 8} more" if len(keys) > 8 else ""
                lines.append(f"  {what}: {', '.join(shortened(key) for key in keys[:8])}{more}")
        raise WrongModelError("\n".join(lines))

    def tensors(self, attributes: bool) -> dict[str, Tensor]:
        """The tensors of attribute.safetensors, or those of model.safetensors, by the names they have there."""
        named = {name.replace(COMPILED, ""): tensor for name, tensor in self.state_dict().items()}
        return {name: tensor for name, tensor in named.items() if name.startswith(ATTRIBUTES) == attributes}

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Write what `from_pretrained` reads into a folder."""
        folder = Path(save_directory)
        write_json(folder / CONFIG, self.config)
        write_tensors(folder / WEIGHTS, self.tensors(attributes=False))
        if self.attribute_pnets:
            self.save_attribute_weights(folder / ATTRIBUTE_WEIGHTS)

    def save_attribute_weights(self, file: Path, dtype: torch.dtype | None = None) -> None:
        """Write the PNets for words and colours, bound to this TNet by its fingerprint."""
        write_tensors(file, self.rounded(attributes=True, dtype=dtype), {"fingerprint": self.fingerprint})

    def rounded(self, attributes: bool, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """The tensors in this type, but for how vectors are compressed: these may be of any scale."""
        exact = {
            f"{place}.{name}"
            for place, module in self.named_modules()
            if isinstance(module, VectorPNet)
            for name, _ in module.named_buffers()
        }
        tensors = self.tensors(attributes).items()
        return {name: tensor if name in exact else tensor.to(dtype or tensor.dtype) for name, tensor in tensors}


def _begins_with(file: str | os.PathLike[str], sign: bytes) -> bool:
    with open(file, "rb") as opened_file:
        return opened_file.read(len(sign)) == sign
