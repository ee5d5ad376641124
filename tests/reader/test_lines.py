"""Texts in the order in which they are read."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.reader.lines import line_order


def quad(x, y, width=30, height=10):
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


def turned(quad, degrees):
    angle = np.deg2rad(degrees)
    return quad @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def test_no_texts():
    assert line_order([]) == []


@pytest.mark.parametrize('degrees', [0, 10, -20, 35])
@settings(max_examples=25)
@given(order=st.permutations(range(12)))
def test_lines_from_the_top_each_from_the_left_however_the_photo_is_turned(degrees, order):
    page = [turned(quad(40 * column, 30 * line + column % 2), degrees)
            for line in range(3) for column in range(4)]
    read = line_order([page[index] for index in order])
    assert [order[index] for index in read] == list(range(12))


def test_a_tall_text_beside_two_lines_keeps_them_apart():
    small = [quad(50, 0), quad(50, 20)]
    assert line_order([*small[::-1], quad(0, 5, 30, 40)])[:1] == [1]


def test_a_vertical_text_does_not_turn_the_page():
    upright = [quad(0, 0), quad(0, 30), quad(0, 60)]
    down = np.array([[60, 0], [60, 80], [50, 80], [50, 0]], float)
    assert [index for index in line_order([*upright, down]) if index < 3] == [0, 1, 2]
