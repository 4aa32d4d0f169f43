"""Images whose labels have a loss that no model can beat, known on the very images evaluated."""

import math
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_fit.builtin.losses import CrossEntropy
from flops_fit_vit.gratings import Gratings, quadratures

DATA = Gratings(eval_images=500)


def phases_in(pixels):
    """Read the phases off an image: gratings are orthogonal."""
    waves = quadratures(3, 16)
    parts = pixels.flatten(1).double().numpy() @ waves.T
    return np.arctan2(parts[:, 3:], parts[:, :3]) % (2 * math.pi)


def same(first, second):
    return all(first[name].equal(second[name]) for name in ("pixel_values", "labels"))


def test_images_are_of_unit_variance_and_labels_of_every_class():
    batch = DATA.probe_batch(2000)
    assert batch["pixel_values"].shape == (2000, *DATA.spec().sample_shape)
    assert batch["pixel_values"].dtype == torch.float32
    assert batch["pixel_values"].std().item() == pytest.approx(1, abs=1e-3)
    assert batch["labels"].unique().tolist() == list(range(10))


def test_an_image_shows_its_phases_and_so_the_probability_of_each_label():
    """Known answer: the loss of the model that reads off phases is the Bayes loss."""
    (batch,) = DATA.eval_batches(500)
    logits = torch.from_numpy(DATA._log_probabilities(phases_in(batch["pixel_values"])))
    assert CrossEntropy()(logits, batch).item() == pytest.approx(DATA.bayes_loss(), abs=1e-5)


def test_the_bayes_loss_is_the_entropy_of_the_labels_given_the_image():
    """Over many images; the labels of a few may be luckier than their entropy."""
    data = Gratings(eval_images=20_000)
    (batch,) = data.eval_batches(20_000)
    log_p = data._log_probabilities(phases_in(batch["pixel_values"]))
    entropy = -(np.exp(log_p) * log_p).sum(1)
    assert data.bayes_loss() == pytest.approx(entropy.mean(), abs=4 * log_p.std() / math.sqrt(20_000))


def test_labels_are_drawn_from_the_probabilities():
    batch = DATA.probe_batch(20_000)
    expected = np.exp(DATA._log_probabilities(phases_in(batch["pixel_values"]))).sum(0)
    counted = batch["labels"].bincount(minlength=10).numpy()
    assert np.abs(counted - expected).max() < 4 * math.sqrt(20_000 * 0.1)


@settings(max_examples=10, deadline=None)
@given(start=st.integers(0, 10**6), seed=st.integers(0, 2**32))
def test_what_a_later_start_yields_is_the_tail_of_the_whole(start, seed):
    whole = islice(DATA.train_batches(3, seed, start), 2, 4)
    assert all(map(same, whole, DATA.train_batches(3, seed, start + 2)))


def test_seeds_steps_and_the_held_out_set_share_no_image():
    seen = [next(DATA.train_batches(8, seed, step)) for seed in (0, 1) for step in (0, 1)]
    seen += DATA.eval_batches(500)
    pixels = torch.cat([batch["pixel_values"] for batch in seen])
    assert len(pixels.flatten(1).unique(dim=0)) == 4 * 8 + 500


def test_the_held_out_set_is_the_same_however_it_is_cut():
    (whole,) = DATA.eval_batches(500)
    parts = list(DATA.eval_batches(64))
    assert len(parts[-1]["labels"]) == 500 % 64
    assert same(whole, {name: torch.cat([part[name] for part in parts]) for name in whole})


def test_another_world_is_another_function_of_the_same_phases():
    phases = np.random.default_rng(0).random((5, 3))
    assert not np.allclose(DATA._log_probabilities(phases), Gratings(world=1)._log_probabilities(phases))
    assert Gratings(scale=5.0).bayes_loss() < DATA.bayes_loss() < math.log(10)
