import pytest
import torch
from made_up_batches import pages, texts_in_images, word_pairs


def test_texts_in_images_are_what_a_pipeline_packs():
    batch = texts_in_images(3, (64, 96), polygons=5)
    assert [tuple(image.shape) for image in batch['inputs']] == [(3, 64, 96)] * 3
    for sample in batch['data_samples']:
        polygons = torch.tensor([p.tolist() for p in sample.gt_instances.polygons]).view(5, 4, 2)
        assert (polygons >= 0).all() and (polygons <= torch.tensor([96, 64])).all()
        assert sample.img_shape == (64, 96) and not sample.gt_instances.ignored.any()
        width, height = (polygons.amax(1) - polygons.amin(1)).unbind(1)
        assert (width > 0).all() and (height > 0).all()


@pytest.mark.parametrize('channels', [1, 3])
def test_word_pairs_are_what_a_pipeline_packs(channels):
    batch = word_pairs(40, (16, 50), (32, 100), channels, 'abc', letters=7)
    assert [tuple(image.shape) for image in batch['inputs']] == [(channels, 16, 50)] * 40
    assert [tuple(image.shape) for image in batch['hr_inputs']] == [(channels, 32, 100)] * 40
    assert all(image.dtype == torch.uint8 and image.unique().numel() > 200
               for image in batch['hr_inputs'])
    words = [sample.gt_text.item for sample in batch['data_samples']]
    assert len(words[0]) == 7 and {len(word) for word in words} == set(range(1, 8))
    assert set(''.join(words)) == set('abc')
    assert all(sample.img_shape == (16, 50) and sample.valid_ratio == 1
               for sample in batch['data_samples'])


def test_the_same_every_time():
    one, other = (word_pairs(2, (4, 4), (8, 8), 1, 'abc', 5) for _ in range(2))
    assert one['hr_inputs'][1].equal(other['hr_inputs'][1])
    texts = [[sample.gt_text.item for sample in batch['data_samples']] for batch in (one, other)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize('words', [0, 1, 2, 7])
def test_pages_are_what_a_pipeline_packs(words):
    batch = pages(2, (64, 96), words, 'abc', letters=3)
    assert [tuple(image.shape) for image in batch['inputs']] == [(3, 64, 96)] * 2
    for sample in batch['data_samples']:
        instances = sample.gt_instances
        assert len(instances.polygons) == len(instances.texts) == len(instances.labels) == words
        assert sample.scale_factor == (1, 1) and not instances.ignored.any()
        assert all(text and len(text) <= 3 and set(text) <= set('abc') for text in instances.texts)
        covered = torch.zeros(64, 96)
        for x1, y1, x2, y2 in instances.bboxes.round().int().tolist():
            assert 0 <= x1 < x2 <= 96 and 0 <= y1 < y2 <= 64
            covered[y1:y2, x1:x2] += 1
        assert covered.max() <= 1
