"""Words: which are taken, where they are after resizing, how they move."""
import numpy as np
import pytest
import torch
from tiny_spotter import sample

from mmocr_kd.models.spotters.words import Words, readable_words

BOX = [10, 10, 50, 10, 50, 22, 10, 22]


def _everything(text, sample):
    return True


def _words(count=5):
    quads = torch.tensor(BOX, dtype=torch.float).view(1, 4, 2) + torch.arange(count).view(-1, 1, 1)
    return Words(quads, torch.tensor([0, 0, 2, 2, 3][:count]), tuple('abcde'[:count]))


def test_takes_what_is_readable_in_order():
    samples = [sample([BOX] * 3, ['a', 'b', 'c'], ignored=[False, True, False]), sample(),
               sample([BOX], ['d']), sample([BOX], ['e'], ignored=[True])]
    words = readable_words(samples, lambda text, _: text != 'c')
    assert words.texts == ('a', 'd')
    assert words.image_index.tolist() == [0, 2]
    assert words.quads.shape == (2, 4, 2) and words.quads.dtype == torch.float32


def test_asks_with_the_sample():
    asked = []
    samples = [sample([BOX], ['a'])]
    readable_words(samples, lambda text, one: asked.append((text, one is samples[0])) or True)
    assert asked == [('a', True)]


def test_no_words():
    words = readable_words([sample(), sample()], _everything)
    assert len(words) == 0 and words.image_index.dtype == torch.long
    assert words.scaled(torch.ones(2, 2)).quads.shape == (0, 4, 2)
    assert len(words.jittered(.1)) == 0 and not list(words.chunks(3))


def test_does_not_share_memory_with_annotations():
    samples = [sample([BOX], ['a'])]
    words = readable_words(samples, _everything)
    samples[0].gt_instances.polygons[0][:] = 0
    samples[0].gt_instances.ignored[:] = True
    np.testing.assert_array_equal(words.quads[0].ravel(), BOX)


def test_missing_polygons():
    one = sample([BOX], ['a'])
    del one.gt_instances.polygons
    with pytest.raises(ValueError, match='with_polygon=True'):
        readable_words([one], _everything)


def test_scales_with_the_images():
    factors = torch.tensor([[.5, .25], [9, 9], [1, 1], [2, 1]])
    scaled = _words().scaled(factors)
    torch.testing.assert_close(scaled.quads[0], _words().quads[0] * torch.tensor([.5, .25]))
    torch.testing.assert_close(scaled.quads[3], _words().quads[3])
    torch.testing.assert_close(scaled.quads[4], _words().quads[4] * torch.tensor([2., 1]))
    assert scaled.texts == _words().texts


def test_a_word_that_is_nearly_vertical_is_turned_or_not_at_every_scale():
    """Decided once: rounding of small boxes would decide otherwise."""
    high = [10, 10, 30, 10, 30, 40, 10, 40]  # exactly 1.5 times as high as wide
    higher = [10, 10, 30, 10, 30, 40.5, 10, 40.5]
    words = readable_words([sample([high, higher], ['a', 'b'])], _everything)
    for factor in (1., .37, .1):
        quads = words.scaled(torch.full((1, 2), factor)).quads.round()
        assert quads[0, 0].tolist() == [round(10 * factor), round(10 * factor)]
        assert quads[1, 0].tolist() == [round(30 * factor), round(10 * factor)]


def test_chunks_are_the_words():
    words = _words()
    chunks = list(words.chunks(2))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    torch.testing.assert_close(torch.cat([chunk.quads for chunk in chunks]), words.quads)
    torch.testing.assert_close(torch.cat([c.image_index for c in chunks]), words.image_index)
    assert sum((chunk.texts for chunk in chunks), ()) == words.texts


def test_jitter_moves_corners_by_at_most_its_share_of_the_height():
    words = _words()
    shift = (words.jittered(.2).quads - words.quads).abs()
    assert 0 < shift.max() <= .2 * 12 + 1e-4
    assert (shift > 0).float().mean() > .9
    assert words.jittered(0) is words
