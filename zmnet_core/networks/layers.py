"""Dynamic instance normalisation and the convolutions around it.

Eq. numbers are those of Wang, Liang, Zhang, Yeung and Xing, "ZM-Net: Real-time Zero-shot Image
Manipulation Network", 2017.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from .colour_norm import NUMBERS, normalise_colours
from .strips import PLANES, convolve, pause
from .unmade import constant

EPS = 1e-5


class TrainingNorm(torch.autograd.Function):
    """`native_batch_norm`, with the gradient of flat planes held down.

    A plane of one value has σ = 0, so 1/σ is 1/√ε = 316, and so again at every site after it: over the TNet's 14
    the gradient of a flat photograph grows until its norm overflows, and costs the whole batch its step. What flows
    back to x is therefore multiplied by σ² / (σ² + ε): nothing for a flat plane, which has nothing to sharpen, all
    of it for any other. The backward kernel takes that as a smaller weight. γ and β have their full gradient.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[1, C, H, W] → its normalised form, μ [C], 1/σ [C]."""
        y, mu, rstd = torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, EPS)
        ctx.save_for_backward(x, weight, mu, rstd)
        ctx.mark_non_differentiable(mu, rstd)
        return y, mu, rstd

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # torch: one tensor is saved
        x, weight, mu, rstd = ctx.saved_tensors
        kept = (1 - EPS * rstd.float().square()).clamp(0, 1)  # σ² / (σ² + ε)
        return torch.ops.aten.native_batch_norm_backward(
            grad.contiguous(), x, weight * kept, None, None, mu, rstd, True, EPS, [True, True, True]
        )


class DIN:
    """Dynamic instance normalisation, site after site along one pass of the TNet (Eq. 3).

    At every site, for picture n and channel c,

        y = γ(X_s) · (x − μ(x)) / σ(x) + β(X_s)

    with μ, σ the mean and (biased) standard deviation over space. The object is made for one
    forward pass; each call normalises at the next site and notes the μ and 1/σ it used.

    Args:
        gamma, beta: [N, ΣC], every site's scale and shift in a row.
        frozen: statistics of an earlier pass, [N or 1, 2, ΣC] (μ, 1/σ), used in place of the
            picture's own: tiles and video frames then share one normalisation.
        watch: keep, per site, how far normalised values go beyond `limit` σ, and hold down the gradient of flat
            planes (for training).

    Statistics are float32 whatever the input's type: float16 overflows in x².
    """

    def __init__(
        self,
        gamma: Tensor,
        beta: Tensor,
        frozen: Tensor | None = None,
        watch: bool = False,
        limit: float = 5.0,
    ):
        self.gamma, self.beta, self.frozen = gamma.float(), beta.float(), frozen
        self.watch, self.limit = watch, limit
        self._next = 0
        self._moments: list[Tensor] = []
        self._excess: list[Tensor] = []
        self._peaks: list[Tensor] = []

    def __call__(self, x: Tensor, shift: bool = True) -> Tensor:
        """Normalise at the next site; `shift=False` leaves β out."""
        n, c, h, w = x.shape
        site = slice(self._next, self._next + c)
        self._next += c
        gamma = self.gamma[:, site]
        beta = self.beta[:, site] if shift else torch.zeros_like(gamma)
        if gamma.shape[0] != n:
            gamma, beta = gamma.expand(n, c), beta.expand(n, c)

        if self.frozen is not None:
            mu, rstd = self.frozen[:, 0, site, None, None], self.frozen[:, 1, site, None, None]
            scale = gamma[..., None, None] * rstd
            return torch.addcmul((beta[..., None, None] - mu * scale).to(x.dtype), x, scale.to(x.dtype))

        # Instance norm of [N, C] planes is batch norm of one picture with N·C channels, for which
        # there is a fused kernel that also takes γ, β and works in float32 inside.
        kind = torch.float64 if x.dtype == torch.float64 else torch.float32  # the kernel takes no others for γ, β
        planes = x.reshape(1, n * c, h, w), gamma.reshape(-1).to(kind), beta.reshape(-1).to(kind)
        if self.watch:
            y, mu, rstd = TrainingNorm.apply(*planes)
        elif x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled():
            y, mu, rstd = plain_norm(*planes)
        else:
            y, mu, rstd = torch.native_batch_norm(*planes, None, None, True, 0.0, EPS)
        mu, rstd = mu.view(n, c).float(), rstd.view(n, c).float()
        self._moments.append(torch.stack((mu, rstd), 1))
        if self.watch:
            normalised = (x - mu[..., None, None].to(x.dtype)) * rstd[..., None, None].to(x.dtype)
            size = normalised.abs().float()
            self._excess.append(F.relu(size - self.limit).square().mean())
            self._peaks.append(size.detach().amax())
        return y.view(n, c, h, w)

    def relu(self, x: Tensor) -> Tensor:
        """Normalise at the next site, and rectify."""
        return self(x).relu_()

    def plain(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """A convolution behind which there is no norm."""
        y: Tensor = conv(x)
        return y

    def colours(self, image: Tensor, axes: Tensor) -> Tensor:
        """Give the finished picture, float32, the colours of the last site; `axes` as of `normalise_colours`."""
        site = slice(self._next, self._next + NUMBERS)
        self._next += NUMBERS
        frozen = None if self.frozen is None else self.frozen[:, :, site]
        image, statistics = normalise_colours(image, self.gamma[:, site], self.beta[:, site], frozen, axes)
        self._moments.append(statistics)
        return image

    @property
    def statistics(self) -> Tensor:
        """[N, 2, ΣC]: μ and 1/σ of every site passed so far."""
        return torch.cat(self._moments, 2)

    @property
    def excess(self) -> Tensor:
        """[sites]: mean squared excess of normalised values beyond the limit."""
        return torch.stack(self._excess)

    @property
    def peaks(self) -> Tensor:
        """[sites]: largest normalised value, in σ."""
        return torch.stack(self._peaks)


def plain_norm(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What `torch.native_batch_norm` gives for [1, C, H, W] and [C], in plain operations: y, μ, 1/σ.

    Every pass is vectorised, where the kernel's over its statistics is not: 0.5 to 0.8 of its time on a CPU. The
    third and fourth pass work in place, so there is no gradient.
    """
    y, channels, height, width = torch.empty_like(x), *x.shape[1:]
    mu, rstd = x.new_empty(2, channels)
    some = max(1, PLANES // (height * width))
    for first in range(0, channels, some):
        group = slice(first, first + some)
        own, out = x[:, group], y[:, group]
        mean = own.mean((2, 3), keepdim=True)
        torch.sub(own, mean, out=out)
        # Row by row: over a whole plane vector_norm adds up in float32 as it goes, and is off by 1e-3 at 4096 × 4096.
        rows = torch.linalg.vector_norm(out, dim=3, keepdim=True)
        scale = (rows.square_().mean(2, keepdim=True) / width + EPS).rsqrt()
        out.mul_(gamma[group, None, None] * scale).add_(beta[group, None, None])
        mu[group], rstd[group] = mean.flatten(), scale.flatten()
        pause()
    return y, mu, rstd


class Conv(nn.Conv2d):
    """Convolution with reflected borders, so that no frame shows around the picture.

    Before a norm take `bias=False`: the norm removes a constant, and what has no gradient but
    rounding noise walks away under Adam, until bfloat16 no longer sees the picture beside it.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = True, groups: int = 1):
        super().__init__(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] → [N, outputs, H / stride, W / stride], rounded up."""
        return convolve(x, self.weight, self.bias, self.stride[0], self.groups, self.kernel_size[0] // 2)


class SeparableConv(nn.Sequential):
    """A 3 × 3 convolution of every plane by itself, then a 1 × 1 convolution across them.

    C + 9 weights a plane in place of 9 C. Howard et al. 2017 put a norm between the two; here the DIN
    after both is the only one.
    """

    def __init__(self, channels: int):
        depthwise = Conv(channels, channels, 3, bias=False, groups=channels)
        super().__init__(depthwise, nn.Conv2d(channels, channels, 1, bias=False))


class ResidualConvs(nn.Module):
    """The two convolutions of one residual block; the TNet puts DIN between and after them."""

    def __init__(self, channels: int, separable: bool = False):
        super().__init__()
        self.conv1, self.conv2 = (
            SeparableConv(channels) if separable else Conv(channels, channels, 3, bias=False) for _ in range(2)
        )


def in_blocks(x: Tensor, kernel: Tensor, bias: Tensor | None, stride: int, padding: int, mode: str) -> Tensor:
    """Convolve to 4 C channels, `kernel` [4 C, …], and lay each four of them out as a 2 × 2 block of a plane."""
    bias = None if bias is None else bias.repeat_interleave(4)
    return convolve(x, kernel, bias, stride, padding=padding, mode=mode, block=2)


class UpsampleConv(Conv):
    """Nearest up-sampling to twice the size, then a 3 × 3 convolution; in one, on the small planes.

    Of the nine pixels under the kernel some are copies of each other: for an output pixel of an even
    row the three rows are two (i − 1 and i, twice), of an odd row as well (i, twice, and i + 1), and
    so for the columns. Adding the weights of the copies gives four 2 × 2 kernels, one for each place
    in a 2 × 2 block of the output: 16 multiplications instead of 36, and the large planes are written once.
    Reflected borders of the large planes are repeated borders of the small ones.
    """

    # [place, tap, row of the 3 × 3 kernel]; the odd row of a window comes before the even one of the next.
    fold: Tensor
    _FOLD = (((1.0, 1.0, 0.0), (0.0, 0.0, 1.0)), ((1.0, 0.0, 0.0), (0.0, 1.0, 1.0)))

    def __init__(self, inputs: int, outputs: int, bias: bool = True):
        super().__init__(inputs, outputs, 3, bias=bias)
        self.register_buffer("fold", constant(self._FOLD), persistent=False)  # on the weights' device, in their type

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] → [N, outputs, 2H, 2W]."""
        kernel = torch.einsum("oiyx,pay,qbx->opqiab", self.weight, self.fold, self.fold).flatten(0, 2)
        return in_blocks(x, kernel, self.bias, 1, 1, "replicate")[..., 1:-1, 1:-1]


class PictureConv(Conv):
    """Convolution to the few channels of a picture, four neighbouring pixels at once.

    The kernels of a CPU or GPU work on 8 or 16 output channels together; with 3, most of that is idle. So
    a 2 × 2 block of pixels is taken for one pixel of 4 · 3 channels: the kernel at its four places in a
    window one larger, with stride 2. (10 / 9)² of the multiplications, 2.3 times as fast on a CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W], H and W even → [N, outputs, H, W]."""
        places = [F.pad(self.weight, (q, 1 - q, p, 1 - p)) for p in (0, 1) for q in (0, 1)]
        kernel = torch.stack(places, 1).flatten(0, 1)
        return in_blocks(x, kernel, self.bias, 2, self.kernel_size[0] // 2, "reflect")
