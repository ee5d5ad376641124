"""A dictionary that begins with its tokens."""
import pytest
import torch
from mmocr.registry import MODELS, TASK_UTILS
from tiny_mask_rcnn import dictionary_cfg


@pytest.fixture
def build(tmp_path):
    return lambda chars: TASK_UTILS.build(dictionary_cfg(tmp_path, chars))


def test_order_of_classes(build):
    dictionary = build('ba ')
    assert dictionary.dict == ['[GO]', '[s]', 'b', 'a', ' ']
    assert (dictionary.start_idx, dictionary.end_idx, dictionary.padding_idx) == (0, 1, 0)
    assert dictionary.num_classes == 5 and dictionary.unknown_idx is None
    assert dictionary.str2idx('ab a') == [3, 2, 4, 3]
    assert dictionary.idx2str([2, 4, 3]) == 'b a'


def test_unknown_characters_stop(build):
    with pytest.raises(Exception, match='not in dict'):
        build('ab').str2idx('c')


def test_a_character_twice(build):
    with pytest.raises(AssertionError, match='duplicated'):
        build('aba')


def test_start_tokens_are_not_read(tmp_path):
    """MMOCR's postprocessor skips the padding, which is the start token."""
    post = MODELS.build({'type': 'AttentionPostprocessor',
                         'dictionary': dictionary_cfg(tmp_path, 'ab')})
    index, _ = post.get_single_prediction(torch.eye(4)[[2, 0, 3, 1, 2]])
    assert index == [2, 3]
