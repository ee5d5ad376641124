import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.datasets.texts import as_text


@given(st.text())
def test_a_string_is_itself(text):
    assert as_text(text, 'a.png') == text


@given(st.integers(min_value=1) | st.integers(max_value=-1))
def test_an_integer_is_what_the_file_says(number):
    assert as_text(json.loads(str(number)), 'a.png') == str(number)
    assert as_text(np.int64(number % 1000), 'a.png') == str(number % 1000)


@pytest.mark.parametrize('written', ['1.50', '1e3', 'true', 'null', '["a"]', 'NaN', '{"a": 1}'])
def test_what_may_have_been_written_otherwise_is_refused(written):
    with pytest.raises(ValueError, match="'imgs/a.png' has .*text"):
        as_text(json.loads(written), 'imgs/a.png')
