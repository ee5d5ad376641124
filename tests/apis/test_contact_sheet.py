"""A picture of what students and teacher see."""
import numpy as np
import pytest

from mmocr_kd.apis.contact_sheet import sheet_of


@pytest.mark.parametrize('images, columns', [(1, 4), (2, 3)])
def test_has_every_panel_in_order_and_both_scales(images, columns):
    blue = np.zeros((8, 8, 3), np.uint8)
    blue[..., 0] = 255  # in OpenCV's order
    shown = [[(f'{image} {place}', blue) for place in range(3 * columns)]
             for image in range(images)]
    axes = sheet_of(shown).axes
    titled = [place for place in axes if place.get_title()]
    assert [place.get_title() for place in titled] == [
        title for image in shown for title, _ in image]
    assert all((place.images[0].get_array()[0, 0] == (0, 0, 255)).all() for place in titled)
    assert titled[0].get_gridspec().get_geometry() == (3 * images, columns)
    assert {place.get_xlabel() for place in axes} - {''} == {'probability of text',
                                                            'entropy, bits'}
