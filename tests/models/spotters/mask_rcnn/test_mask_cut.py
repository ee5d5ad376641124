"""Words outlined by polygons."""
import numpy as np
import pytest
import torch
from tiny_mask_rcnn import polygon_words

WIDE = [10, 20, 50, 22, 48, 40, 12, 38]
HIGH = [[10, 10], [20, 10], [20, 40]]


def test_points_and_boxes():
    words = polygon_words([WIDE, HIGH], [0, 2], ['a', 'b'])
    assert words.points.shape == (2, 4, 2) and len(words) == 2
    assert words.points[1].tolist() == [*HIGH, HIGH[-1]]
    assert words.boxes.tolist() == [[10, 20, 50, 40], [10, 10, 20, 40]]
    assert words.vertical.tolist() == [False, True]


@pytest.mark.parametrize('height, vertical', [(30, False), (30.1, True)])
def test_vertical(height, vertical):
    assert polygon_words([[0, 0, 20, 0, 20, height, 0, height]], [0]).vertical.item() is vertical
    assert polygon_words([[0, 0, 20, 0, 20, height, 0, height]], [0],
                         vertical_ratio=2).vertical.item() is False


def test_scaling_moves_points_and_decides_nothing_anew():
    """At another scale, or after rounding, a word may look less high."""
    words = polygon_words([WIDE, HIGH], [0, 1], ['a', 'b'])
    small = words.scaled(torch.tensor([[.5, .25], [1., .1]]))
    np.testing.assert_allclose(small.points[0, 1], [25, 5.5])
    assert small.boxes[1].tolist() == [10, 1, 20, 4]
    assert small.vertical.tolist() == [False, True] and small.texts == ('a', 'b')
    assert words.boxes[1].tolist() == [10, 10, 20, 40]


def test_no_words():
    words = polygon_words([], [])
    assert len(words) == len(words.boxes) == len(words.vertical) == 0
    assert len(words.scaled(torch.ones(2, 2))) == 0 and list(words.chunks(3)) == []


def test_chunks_are_the_words_again():
    words = polygon_words([WIDE, HIGH, WIDE], [0, 0, 1], ['a', 'b', 'c'])
    chunks = list(words.chunks(2))
    assert [len(chunk) for chunk in chunks] == [2, 1]
    assert torch.equal(torch.cat([chunk.points for chunk in chunks]), words.points)
    assert [chunk.texts for chunk in chunks] == [('a', 'b'), ('c', )]
    assert torch.cat([chunk.vertical for chunk in chunks]).tolist() == [False, True, False]
