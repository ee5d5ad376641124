import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmocr.registry import DATA_PARSERS

from mmocr_kd.datasets.preparers.td500_parser import rotated_box

sides = st.floats(1, 2000)


@pytest.fixture
def parse(tmp_path):
    image, note = tmp_path / 'IMG_0030.JPG', tmp_path / 'IMG_0030.gt'
    cv2.imwrite(str(image), np.zeros((60, 80, 3), np.uint8))

    def parse(content):
        note.write_bytes(content if isinstance(content, bytes) else content.encode())
        parser = DATA_PARSERS.build(dict(type='TD500AnnParser', split='train', nproc=1))
        path, instances = parser.parse_file(str(image), str(note))
        assert path == str(image)
        return instances

    return parse


@given(st.floats(-500, 2000), st.floats(-500, 2000), sides, sides, st.floats(-np.pi, np.pi))
def test_corners_agree_with_opencv(x, y, width, height, theta):
    # OpenCV rotates clockwise as seen, in degrees, and starts elsewhere.
    center = (x + width / 2, y + height / 2)
    expected = cv2.boxPoints((center, (width, height), np.degrees(theta)))
    points = rotated_box(x, y, width, height, theta)
    best = min(np.abs(np.roll(points, shift, axis=0) - expected).max() for shift in range(4))
    assert best < 0.01


def test_an_upright_box_is_itself():
    np.testing.assert_allclose(rotated_box(10, 20, 30, 5, 0),
                               [[10, 20], [40, 20], [40, 25], [10, 25]])


def test_a_positive_angle_turns_clockwise_as_seen():
    points = rotated_box(0, 0, 40, 10, np.pi / 2)
    # The reading direction now points down, so the first corner is at the top right.
    np.testing.assert_allclose(points, [[25, -15], [25, 25], [15, 25], [15, -15]], atol=1e-9)


def test_lines_of_the_original_files(parse):
    # Three lines as they stand in MSRA-TD500; corners computed with OpenCV.
    instances = parse('0 0 290 422 330 159 0.140973\n1 0 842 904 321 219 0.153838\n'
                      '2 1 725 873 99 10 -0.143340\n')
    assert [instance['ignore'] for instance in instances] == [False, False, True]
    for instance, box in zip(instances, [(455, 501.5, 330, 159, 0.140973),
                                         (1002.5, 1013.5, 321, 219, 0.153838),
                                         (774.5, 878, 99, 10, -0.143340)], strict=True):
        expected = cv2.boxPoints((box[:2], box[2:4], np.degrees(box[4])))
        points = np.reshape(instance['poly'], (4, 2))
        order = np.argsort(np.arctan2(*(points - box[:2]).T))
        order2 = np.argsort(np.arctan2(*(expected - box[:2]).T))
        np.testing.assert_allclose(points[order], expected[order2], atol=0.01)
        assert points[0, 0] < points[1, 0] and points[0, 1] < points[3, 1]


@pytest.mark.parametrize('content', [
    b'\xef\xbb\xbf0 0 10 20 30 5 0\r\n\r\n1 1 1 2 3 4 0.5\r\n',
    b'0\t0  10 20 30 5 0\n1 1 1 2 3 4 .5'])
def test_byte_order_mark_line_ends_and_blanks(parse, content):
    instances = parse(content)
    assert instances[0] == dict(poly=[10, 20, 40, 20, 40, 25, 10, 25], ignore=False)
    assert instances[1]['ignore'] is True and len(instances) == 2


def test_an_empty_file_is_an_image_without_text(parse):
    assert parse('') == []


@pytest.mark.parametrize('line', [
    '0 0 10 20 30 5', '0 0 10 20 30 5 0 1', '0 2 10 20 30 5 0', '0 0 10 x 30 5 0',
    '0 0 10 20 30 5 nan', '0,0,10,20,30,5,0'])
def test_a_malformed_line_is_named(parse, line):
    with pytest.raises(ValueError) as caught:
        parse(f'0 0 10 20 30 5 0\n\n{line}\n')
    message = str(caught.value)
    assert 'IMG_0030.gt, line 3' in message and line in message
    assert 'index difficult x y width height theta' in message


def test_a_box_without_area_is_left_out(parse):
    with pytest.warns(UserWarning, match='IMG_0030.gt, line 1'):
        assert len(parse('0 0 10 20 0 5 0\n1 0 10 20 30 5 0\n')) == 1
