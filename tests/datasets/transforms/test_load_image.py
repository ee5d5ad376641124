import cv2
import numpy as np
import pytest
from mmengine.dataset import BaseDataset
from mmocr.registry import TRANSFORMS

from mmocr_kd.datasets import BrokenImageError

NOISE = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
BROKEN = {'empty.png': b'', 'text.png': b'not an image', 'missing.png': None}
for kind in ('jpg', 'png', 'bmp'):
    BROKEN[f'cut_off.{kind}'] = cv2.imencode(f'.{kind}', NOISE)[1].tobytes()[:3000]


@pytest.fixture
def folder(tmp_path):
    for name, content in BROKEN.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    cv2.imwrite(str(tmp_path / 'good.png'), np.full((4, 6, 3), 7, np.uint8))
    return tmp_path


def build(**fields):
    return TRANSFORMS.build({'type': 'CheckedLoadImageFromFile', **fields})


def test_good_images_load_as_always(folder):
    results = build().transform({'img_path': str(folder / 'good.png')})
    assert results['img'].shape == (4, 6, 3) and results['img_shape'] == (4, 6)


@pytest.mark.parametrize('name', BROKEN)
def test_broken_files_are_named(folder, name):
    with pytest.raises(BrokenImageError, match=name):
        build().transform({'img_path': str(folder / name)})


@pytest.mark.parametrize('name', BROKEN)
def test_broken_files_are_skipped_with_a_warning(folder, name):
    class Images(BaseDataset):
        def load_data_list(self):
            return [{'img_path': str(folder / name)}, {'img_path': str(folder / 'good.png')}]

    dataset = Images(pipeline=[build(ignore_empty=True).transform])
    with pytest.warns(UserWarning, match=name):
        assert dataset[0]['img_path'].endswith('good.png')
