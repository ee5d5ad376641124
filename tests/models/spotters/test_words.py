"""Words: which are taken, where they are after resizing, how they move."""
import numpy as np
import pytest
import torch
from tiny_spotter import sample

from mmocr_kd.models.spotters.quad_crops import reading_quads
from mmocr_kd.models.spotters.words import Words, words_to_learn

BOX = [10, 10, 50, 10, 50, 22, 10, 22]


def _everything(text, sample):
    return True


def _words_of(samples, accepts=_everything):
    return words_to_learn(samples, accepts,
                          lambda polygon: (reading_quads([polygon], 'annotated')[0], False))


def _words(count=5):
    quads = torch.tensor(BOX, dtype=torch.float).view(1, 4, 2) + torch.arange(count).view(-1, 1, 1)
    return Words(quads, torch.tensor([0, 0, 2, 2, 3][:count]),
                 torch.zeros(count, dtype=torch.bool), tuple('abcde'[:count]))


def test_takes_what_is_readable_in_order():
    samples = [sample([BOX] * 3, ['a', 'b', 'c'], ignored=[False, True, False]), sample(),
               sample([BOX], ['d']), sample([BOX], ['e'], ignored=[True])]
    words = _words_of(samples, lambda text, _: text != 'c')
    assert words.texts == ('a', 'd')
    assert words.image_index.tolist() == [0, 2]
    assert words.points.shape == (2, 4, 2) and words.points.dtype == torch.float32


def test_asks_with_the_sample():
    asked = []
    samples = [sample([BOX], ['a'])]
    _words_of(samples, lambda text, one: asked.append((text, one is samples[0])) or True)
    assert asked == [('a', True)]


def test_no_words():
    words = _words_of([sample(), sample()])
    assert len(words) == 0 and words.image_index.dtype == torch.long
    assert words.scaled(torch.ones(2, 2)).points.shape == (0, 1, 2)
    assert len(words.jittered(.1)) == 0 and not list(words.chunks(3))


def test_does_not_share_memory_with_annotations():
    samples = [sample([BOX], ['a'])]
    words = _words_of(samples)
    samples[0].gt_instances.polygons[0][:] = 0
    samples[0].gt_instances.ignored[:] = True
    np.testing.assert_array_equal(words.points[0].ravel(), BOX)


def test_missing_polygons():
    one = sample([BOX], ['a'])
    del one.gt_instances.polygons
    with pytest.raises(ValueError, match='with_polygon=True'):
        _words_of([one])


def test_scales_with_the_images():
    factors = torch.tensor([[.5, .25], [9, 9], [1, 1], [2, 1]])
    scaled = _words().scaled(factors)
    torch.testing.assert_close(scaled.points[0], _words().points[0] * torch.tensor([.5, .25]))
    torch.testing.assert_close(scaled.points[3], _words().points[3])
    torch.testing.assert_close(scaled.points[4], _words().points[4] * torch.tensor([2., 1]))
    assert scaled.texts == _words().texts


def test_a_word_that_is_nearly_vertical_is_turned_or_not_at_every_scale():
    """Decided once: rounding of small boxes would decide otherwise."""
    high = [10, 10, 30, 10, 30, 40, 10, 40]  # exactly 1.5 times as high as wide
    higher = [10, 10, 30, 10, 30, 40.5, 10, 40.5]
    words = _words_of([sample([high, higher], ['a', 'b'])])
    for factor in (1., .37, .1):
        quads = words.scaled(torch.full((1, 2), factor)).points.round()
        assert quads[0, 0].tolist() == [round(10 * factor), round(10 * factor)]
        assert quads[1, 0].tolist() == [round(30 * factor), round(10 * factor)]


def test_chunks_are_the_words():
    words = _words()
    chunks = list(words.chunks(2))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    torch.testing.assert_close(torch.cat([chunk.points for chunk in chunks]), words.points)
    torch.testing.assert_close(torch.cat([c.image_index for c in chunks]), words.image_index)
    assert sum((chunk.texts for chunk in chunks), ()) == words.texts


def test_jitter_moves_corners_by_at_most_its_share_of_the_height():
    words = _words()
    shift = (words.jittered(.2).points - words.points).abs()
    assert 0 < shift.max() <= .2 * 12 + 1e-4
    assert (shift > 0).float().mean() > .9
    assert words.jittered(0) is words
