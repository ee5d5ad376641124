"""What was done once is not done again, and whoever gets it may write into it."""
import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmengine.registry import DefaultScope
from mmocr.registry import DATASETS, TRANSFORMS

from mmocr_kd.datasets.transforms import Remember

RESIZE = dict(type='Resize', scale=(48, 48), keep_ratio=True)
STEPS = [dict(type='LoadImageFromFile'),
         dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True,
              with_text=True), RESIZE]


@TRANSFORMS.register_module()
class CountsCalls(BaseTransform):
    """Tells how often it ran; drops what is called 'none'."""

    calls: list[str] = []

    def transform(self, results):
        self.calls.append(results['img_path'])
        return None if results['img_path'] == 'none' else dict(results, number=len(self.calls))


@pytest.fixture(autouse=True)
def scope():
    DefaultScope.get_instance('remember', scope_name='mmocr')
    CountsCalls.calls.clear()


def test_samples_are_those_of_the_plain_pipeline():
    fields = dict(type='EmbeddedTextSpottingDataset', num_images=3, image_size=(96, 96))
    plain = DATASETS.build(dict(fields, pipeline=STEPS))
    kept = DATASETS.build(dict(fields, pipeline=[dict(type='Remember', transforms=STEPS)]))
    for _ in range(2):
        for one, other in zip(plain, kept, strict=True):
            assert one.keys() == other.keys()
            np.testing.assert_array_equal(one['img'], other['img'])
            assert one['scale_factor'] == other['scale_factor']
            np.testing.assert_array_equal(one['gt_polygons'], other['gt_polygons'])


def test_each_image_is_made_once():
    remember = Remember(dict(type='CountsCalls'))
    results = [remember({'img_path': path}) for path in ('a', 'b', 'a', 'b', 'a')]
    assert CountsCalls.calls == ['a', 'b']
    assert [result['number'] for result in results] == [1, 2, 1, 2, 1]


def test_what_was_given_out_may_be_written_into():
    remember = Remember([dict(type='CountsCalls')])
    first = remember({'img_path': 'a', 'img': np.zeros(3), 'boxes': [1]})
    first['img'] += 1
    first['boxes'].append(2)
    second = remember({'img_path': 'a'})
    assert not second['img'].any() and second['boxes'] == [1]


def test_what_was_dropped_stays_dropped():
    remember = Remember([dict(type='CountsCalls')])
    assert remember({'img_path': 'none'}) is remember({'img_path': 'none'}) is None
    assert CountsCalls.calls == ['none']


def test_a_path_is_needed():
    with pytest.raises(KeyError, match='img_path'):
        Remember([dict(type='CountsCalls')])({'img': np.zeros(3)})
