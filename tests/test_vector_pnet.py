"""The PNets for words, histograms and sequences: compression, the paper's two forms, padding, CIN as a special case."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.test_pnet import by_site, dependencies
from zmnet_core.networks.pnet import KINDS, build_pnet, trainable
from zmnet_core.networks.tnet import din_sites
from zmnet_core.networks.vector_pnet import VectorPNet, sequences

SITES = din_sites(8)
CHANNELS = sum(site.channels for site in SITES)
VECTOR_KINDS = [kind for kind, pnet in KINDS.items() if issubclass(pnet, VectorPNet)]


def built(kind: str, inputs: int = 6, size: int = 3, width: int = 16) -> VectorPNet:
    torch.manual_seed(0)
    return build_pnet(kind, SITES, inputs=inputs, size=size, width=width)


def signal_of(pnet: VectorPNet, count: int, seed: int = 0) -> Tensor:
    """Vectors, or sequences of one to four."""
    random = torch.Generator().manual_seed(seed)
    if not pnet.sequence:
        return torch.randn(count, pnet.inputs, generator=random)
    return sequences([torch.randn(1 + i % 4, pnet.inputs, generator=random) for i in range(count)])


def styles(pnet: VectorPNet, signal: Tensor) -> Tensor:
    with torch.no_grad():
        return pnet(pnet.features(signal))


@pytest.fixture(params=VECTOR_KINDS)
def pnet(request) -> VectorPNet:
    return built(request.param)


def test_a_style_a_vector_near_a_plain_instance_norm_at_the_start(pnet):
    values = styles(pnet, signal_of(pnet, 5))
    assert values.shape == (5, 2, CHANNELS) and values.dtype == torch.float32
    assert (values[:, 0] - 1).abs().median() < 0.1 and values[:, 1].abs().median() < 0.1
    assert (values[:, 0] - 1).abs().max() < 1 and values[:, 1].abs().max() < 1


def test_two_vectors_give_different_styles_at_every_site(pnet):
    for name, site in by_site(styles(pnet, signal_of(pnet, 2))).items():
        assert (site[0] - site[1]).abs().amax(1).min() > 1e-4, name


def test_signals_of_a_batch_do_not_see_each_other(pnet):
    signal = signal_of(pnet, 4)
    together = styles(pnet, signal)
    for i in range(4):
        torch.testing.assert_close(styles(pnet, signal[i : i + 1])[0], together[i], rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_parameter_and_no_compression(pnet):
    for parameter in pnet.parameters():  # residual branches start at zero
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    assert len(list(trainable(pnet))) == len(list(pnet.parameters())) > 0
    signal = signal_of(pnet, 6).requires_grad_()
    pnet(pnet.features(signal)).square().sum().backward()
    for name, parameter in pnet.named_parameters():
        assert parameter.grad.abs().max() > 0, name
    assert {"offset", "components"} == {name for name, _ in pnet.named_buffers()}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_float32_styles(pnet, dtype):
    signal = signal_of(pnet, 3)
    expected = styles(pnet, signal)
    values = styles(pnet.to(dtype), signal)
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, expected, rtol=0, atol=0.05)


# Serial, parallel, recurrent -------------------------------------------------------------------


def test_parallel_has_no_path_from_one_psi_to_the_next_layer():
    pnet = built("mlp-parallel")
    for layer in range(1, 10):
        depends = dependencies(pnet, pnet.branches, layer, signal_of(pnet, 2))
        assert depends == [branch == layer for branch in range(1, 10)]


@pytest.mark.parametrize("kind", ["mlp", "gru"])
def test_serial_layers_see_all_before_them_and_none_after(kind):
    pnet = built(kind)
    for layer in pnet.layers:
        torch.nn.init.normal_(layer.linear2.weight, std=0.1)  # zero at the start: no gradient behind it
    for layer in range(1, 10):
        depends = dependencies(pnet, pnet.layers, layer, signal_of(pnet, 2))
        assert depends == [stage <= layer for stage in range(1, 10)]


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5), extra=st.integers(0, 4), seed=st.integers(0, 99))
def test_gru_ignores_padding_whatever_stands_there(lengths, extra, seed):
    pnet, random = built("gru"), torch.Generator().manual_seed(seed)
    read = [torch.randn(length, pnet.inputs, generator=random) for length in lengths]
    batch = sequences(read)
    longer = torch.nn.functional.pad(batch, (0, 0, 0, extra))
    padding = longer[..., -1] == 0
    longer[..., :-1][padding] = torch.randn(int(padding.sum()), pnet.inputs, generator=random) * 100
    values = styles(pnet, longer)
    for row, sequence in enumerate(read):
        torch.testing.assert_close(values[row], styles(pnet, sequences([sequence]))[0], rtol=1e-4, atol=1e-5)


def test_gru_hears_the_order_and_every_word():
    pnet = built("gru")
    sequence = signal_of(built("mlp"), 3)
    spoken = styles(pnet, sequences([sequence]))
    for other in (sequence.flip(0), sequence[:2], sequence[1:]):
        assert (styles(pnet, sequences([other])) - spoken).abs().max() > 1e-4


@pytest.mark.parametrize("bad", [[], [torch.zeros(0, 3)], [torch.zeros(3)]], ids=["none", "empty", "no sequence"])
def test_what_is_no_sequence_is_refused(bad):
    with pytest.raises(ValueError, match="at least one vector"):
        sequences(bad)


# Degenerate cases ------------------------------------------------------------------------------


def test_a_constant_pnet_is_conditional_instance_norm_of_one_style(pnet):
    for head in (*pnet.heads.gamma, *pnet.heads.beta):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.normal_(head.bias)
    values = styles(pnet, signal_of(pnet, 4))
    own = torch.stack([torch.cat([head.bias for head in heads]) for heads in (pnet.heads.gamma, pnet.heads.beta)])
    for row in values:
        assert torch.equal(row, own)


@pytest.mark.parametrize("kind", ["mlp", "mlp-parallel"])
def test_one_hot_vectors_give_any_table_of_styles_as_conditional_instance_norm_does(kind):
    table = torch.randn(4, 2, CHANNELS)
    pnet = build_pnet(kind, SITES, inputs=4, size=4, width=4)
    with torch.no_grad():
        linears = [pnet.enter] if kind == "mlp" else [m for m in pnet.branches.modules() if hasattr(m, "in_features")]
        for linear in linears:
            linear.weight.copy_(torch.eye(4))
            linear.bias.zero_()
        for row, heads in enumerate((pnet.heads.gamma, pnet.heads.beta)):
            start = 0
            for head in heads:
                head.weight.copy_(table[:, row, start : start + head.out_features].T)
                head.bias.zero_()
                start += head.out_features
    torch.testing.assert_close(styles(pnet, torch.eye(4)), table)


# Compression -----------------------------------------------------------------------------------


def test_compression_keeps_the_directions_of_largest_spread():
    random = torch.Generator().manual_seed(0)
    plane = torch.linalg.qr(torch.randn(6, 2, generator=random))[0]  # two directions in six dimensions
    places = torch.randn(200, 2, generator=random) * torch.tensor([5.0, 2.0])
    vectors = places @ plane.T + 3 + 0.01 * torch.randn(200, 6, generator=random)
    pnet = built("mlp", size=2)
    pnet.fit(vectors)
    compressed = pnet.features(vectors)
    torch.testing.assert_close(compressed.mean(0), torch.zeros(2), rtol=0, atol=1e-4)
    assert compressed[:, 0].std(correction=0) == pytest.approx(1, abs=1e-4)
    distances = torch.cdist(places, places) / torch.cdist(compressed, compressed).clamp_min(1e-6)
    seen = distances[~torch.eye(200, dtype=torch.bool)]
    assert seen.std() / seen.mean() < 0.05, "distances are not kept"


def test_compression_is_the_same_whatever_signs_the_decomposition_takes():
    vectors = torch.randn(20, 6, generator=torch.Generator().manual_seed(1))
    one, other = built("mlp"), built("mlp")
    one.fit(vectors)
    other.fit(vectors.flip(0))
    torch.testing.assert_close(one.components, other.components, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 6), (20, 5), (20,)], ids=["too few", "another size", "one vector"])
def test_compression_refuses_what_it_cannot_be_taken_from(shape):
    with pytest.raises(ValueError, match=r"from more than 3 vectors \[V, 6\]"):
        built("mlp").fit(torch.randn(shape))


@pytest.mark.parametrize(
    "options, said",
    [({"signal": "smell"}, "no signal 'smell'; choose one of glove"), ({"size": 0}, "to 0"), ({"size": 101}, "to 101")],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        build_pnet("mlp", SITES, **options)
