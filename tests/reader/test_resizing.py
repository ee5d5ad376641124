"""Images as models see them: the same as through MMOCR's pipelines and preprocessors."""
import numpy as np
import PIL
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmocr.models.textdet.data_preprocessors import TextDetDataPreprocessor
from mmocr.models.textrecog.data_preprocessors import TextRecogDataPreprocessor
from mmocr.registry import TRANSFORMS
from PIL import Image

from mmocr_kd.apis.export.description import _step
from mmocr_kd.reader.pillow_resize import pillow_resize
from mmocr_kd.reader.resizing import prepare

NEW_PILLOW = int(PIL.__version__.split('.')[0]) >= 13
FILTERS = {name: getattr(Image.Resampling, name.upper()) for name in (
    'nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos')}
sides = st.integers(1, 70)
HOW = dict(backend='cv2', interpolation='bilinear')
PIPELINES = {
    'fit': [dict(type='Resize', scale=(160, 96), keep_ratio=True)],
    'resize': [dict(type='Resize', scale=(50, 16), backend='pillow', interpolation='bicubic')],
    'area': [dict(type='Resize', scale=(50, 16), interpolation='area')],
    'short_edge': [dict(type='ShortScaleAspectJitter', short_size=64, scale_divisor=32,
                        ratio_range=(1., 1.), aspect_ratio_range=(1., 1.))],
    'to_height': [dict(type='RescaleToHeight', height=32, min_width=32, max_width=None,
                       width_divisor=16)],
    'padded': [dict(type='RescaleToHeight', height=32, min_width=32, max_width=160,
                    width_divisor=16), dict(type='PadToWidth', width=160)],
    'shrunk': [dict(type='RescaleToHeight', height=32, min_width=32, max_width=160,
                    width_divisor=16), dict(type='PadToWidth', width=160),
               dict(type='SynthesizeLR', scale=2)],
    'paired': [dict(type='SynthesizeLR', scale=1), dict(type='PairedResize')]}


def image(height, width, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize('name', FILTERS)
@settings(max_examples=25)
@given(before=st.tuples(sides, sides), size=st.tuples(sides, sides),
       channels=st.sampled_from([1, 3]))
def test_pillows_filters_to_the_last_bit(name, before, size, channels):
    if not NEW_PILLOW:  # whose passes may come in the other order
        size = size[0], before[0]
    given_ = image(*before, channels)
    np.testing.assert_array_equal(pillow_resize(given_, size, name),
                                  np.array(Image.fromarray(given_).resize(size, FILTERS[name])))


@pytest.mark.parametrize('name', PIPELINES)
@settings(max_examples=25)
@given(height=st.integers(8, 60), width=st.integers(8, 200), grey=st.booleans())
def test_a_model_sees_what_mmocrs_pipeline_shows(name, height, width, grey):
    if not NEW_PILLOW and name in ('resize', 'shrunk', 'paired'):
        pytest.skip('orders the passes of a filter otherwise')
    init_default_scope('mmocr')
    photo = np.repeat(image(height, width)[..., :1], 3, 2) if grey else image(height, width)
    steps = [TRANSFORMS.build(dict(step)) for step in PIPELINES[name]]
    detects = name in ('fit', 'short_edge')
    pack = dict(type='PackTextDetInputs' if detects else 'PackTextRecogInputs',
                meta_keys=('img_shape', *(['scale_factor'] if detects else ['valid_ratio'])))
    show = (TextDetDataPreprocessor if detects else TextRecogDataPreprocessor)(
        [10.] if grey else [10., 20., 30.], [3.] if grey else [3., 4., 5.], bgr_to_rgb=not grey,
        pad_size_divisor=32 if detects else 1)
    theirs = Compose([*steps, pack])({'img': photo[..., 0] if grey else photo.copy(),
                                      'img_shape': (height, width)})
    theirs = show({key: [value] for key, value in theirs.items()})
    ours = prepare(photo, dict(
        channels='grey' if grey else 'rgb', steps=[_step(step, None) for step in steps],
        mean=show.mean.flatten().tolist(), std=show.std.flatten().tolist(),
        divisor=show.pad_size_divisor, pad_value=0))
    torch.testing.assert_close(torch.from_numpy(ours.pixels), theirs['inputs'][0], rtol=0,
                               atol=1e-5)
    sample, = theirs['data_samples']
    if detects:
        np.testing.assert_allclose(ours.scale, sample.scale_factor)
    else:
        assert ours.valid_ratio == sample.valid_ratio
