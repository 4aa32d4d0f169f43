"""The ViT family: counts, rates, what it refuses."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.components import DataSpec
from flops_fit.config.on_meta import built_on_meta
from flops_fit.errors import DataError
from flops_fit_vit.family import ViT
from flops_fit_vit.model import cut


def images(shape=(3, 32, 32), unit="image", n_classes=10):
    return DataSpec(unit=unit, units_per_sample=1, n_units=None, n_classes=n_classes, sample_shape=shape)


@settings(max_examples=15, deadline=None)
@given(
    patch_size=st.sampled_from([2, 4, 8]),
    depth=st.none() | st.integers(1, 12),
    shape=st.sampled_from([(1, 16, 16), (3, 32, 32), (4, 16, 24)]),
    n_classes=st.integers(2, 1000),
)
def test_counts_are_those_of_the_built_modules(patch_size, depth, shape, n_classes):
    family, data = ViT(patch_size=patch_size, depth=depth), images(shape, n_classes=n_classes)
    sizes = family.ladder(1e4, 3e6, data)
    counted = [size.n_params for size in sizes]
    assert counted == sorted(set(counted))
    assert 1e4 <= counted[0] < counted[-1] <= 3e6
    for size in (sizes[0], sizes[-1]):
        module = built_on_meta(lambda size=size: family.build(size, data))
        assert sum(p.numel() for p in module.parameters()) == size.n_params
        body = sum(p.numel() for p in module.blocks.parameters())
        assert body == size.n_params_nonembedding
        assert depth in {None, len(module.blocks)}


def test_steps_of_the_ladder_are_small():
    sizes = ViT().ladder(1e5, 1e8, images())
    steps = [b.n_params / a.n_params for a, b in pairwise(sizes)]
    assert max(steps) < 1.6


def test_widths_and_depth_may_be_given():
    """ViT-Tiny to ViT-Base: 12 layers of 192, 384 and 768."""
    sizes = ViT(patch_size=16, widths=(768, 192, 384), depth=12).ladder(1, 1e9, images((3, 224, 224)))
    assert [size.name for size in sizes] == ["d192-L12", "d384-L12", "d768-L12"]
    assert sizes[2].n_params_nonembedding == 12 * 12 * 768**2


def test_heads_divide_every_width():
    family = ViT(widths=tuple(range(8, 200, 2)))
    for size in family.ladder(1, 1e9, images()):
        assert size.options["width"] % size.options["n_heads"] == 0


def test_patches_are_cut_row_by_row():
    whole = torch.arange(2 * 2 * 4 * 6).view(2, 2, 4, 6)
    patches = cut(whole, 2)
    assert patches.shape == (2, 6, 8)
    assert patches[1, 4].equal(whole[1, :, 2:4, 2:4].flatten())


def test_an_image_in_other_places_is_another_image():
    """Positions are learned, so the mean over patches is no bag of patches."""
    family, data = ViT(), images((1, 16, 16))
    module = family.build(family.ladder(1e4, 1e5, data)[0], data)
    pixels = torch.randn(2, 1, 16, 16)
    outputs, swapped = (
        module({"pixel_values": p}) for p in (pixels, torch.cat([pixels[..., 8:], pixels[..., :8]], -1))
    )
    assert not torch.allclose(outputs, swapped, atol=1e-3)


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (images(unit="token"), "no-images", "units of 'token'"),
        (images((8,)), "no-images", r"rows of shape \(8,\)"),
        (images(n_classes=None), "no-images", "None classes"),
        (images((3, 30, 20)), "patches-do-not-fit", "one of 1, 2, 5, 10"),
    ],
)
def test_data_that_are_no_images_or_do_not_divide_are_refused(data, code, words):
    with pytest.raises(DataError, match=words) as error:
        ViT().ladder(1, 1e6, data)
    assert error.value.code == code
