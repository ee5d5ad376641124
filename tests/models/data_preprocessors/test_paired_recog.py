import copy

import pytest
import torch
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

FIELDS = {
    3: {'mean': [10., 20., 30.], 'std': [2., 4., 8.], 'bgr_to_rgb': True},
    1: {'mean': [127.], 'std': [64.]},
}


def build(channels=3, kind='PairedTextRecogDataPreprocessor'):
    return MODELS.build({'type': kind, **FIELDS[channels]})


def batch(channels=3, widths=(64, 64), hr=True):
    metas = [{'img_shape': (16, w), 'valid_ratio': 0.5} for w in widths]
    data = {'inputs': [torch.randint(256, (channels, 16, w), dtype=torch.uint8) for w in widths],
            'data_samples': [TextRecogDataSample(metainfo=meta) for meta in metas]}
    if hr:
        data['hr_inputs'] = [torch.randint(256, (channels, 32, 2 * w), dtype=torch.uint8)
                             for w in widths]
    return data


@pytest.mark.parametrize('channels', FIELDS)
def test_both_images_are_normalised_alike(channels):
    data = batch(channels)
    out = build(channels)(copy.deepcopy(data), True)
    mean, std = (torch.tensor(FIELDS[channels][key]).view(-1, 1, 1) for key in ('mean', 'std'))
    for key in ('inputs', 'hr_inputs'):
        for image, normalised in zip(data[key], out[key]):
            # Means are in the order that the channels have after the swap.
            torch.testing.assert_close(normalised, (image.flip(0).float() - mean) / std)
    assert out['inputs'].shape == (2, channels, 16, 64)
    assert out['hr_inputs'].shape == (2, channels, 32, 128)


def test_the_valid_ratio_is_updated_once():
    out = build()(batch(widths=(64, 32)), True)
    assert [s.valid_ratio for s in out['data_samples']] == [0.5, 0.25]
    assert out['data_samples'][1].batch_input_shape == (16, 64)
    assert out['hr_inputs'].shape == (2, 3, 32, 128) and not out['hr_inputs'][1, 0, :, 64:].any()


@pytest.mark.parametrize('channels', FIELDS)
def test_without_large_images_it_is_mmocrs(channels):
    data = batch(channels, hr=False)
    ours, theirs = (build(channels, kind)(copy.deepcopy(data), False) for kind in (
        'PairedTextRecogDataPreprocessor', 'TextRecogDataPreprocessor'))
    assert ours.keys() == theirs.keys()
    torch.testing.assert_close(ours['inputs'], theirs['inputs'])


def test_the_callers_batch_is_left_alone():
    data = batch()
    build()(data, True)
    assert len(data['hr_inputs']) == 2 and data['hr_inputs'][0].dtype == torch.uint8


def test_a_missing_large_image_is_named():
    data = batch()
    data['hr_inputs'].pop()
    with pytest.raises(ValueError, match='2 inputs, but 1 hr_inputs'):
        build()(data, True)
