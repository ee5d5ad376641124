import pytest
import tiny_recog
import torch

from mmocr_kd.adapters.recognition import align_frames, build_reading
from mmocr_kd.adapters.recognition.build_reading import first_steps_of
from mmocr_kd.losses import Labels, Reading

BLANK = 3


def spelt(*frames):
    """Logits of a sure teacher, and one vector per frame that says which frame it is."""
    logits = torch.full((1, len(frames), 4), -9.)
    logits[0, torch.arange(len(frames)), torch.tensor(frames)] = 9.
    return Reading(logits=(logits, ), glimpses=(torch.eye(len(frames))[None], ))


def word(*classes, frames):
    return Labels(torch.tensor([classes]), torch.tensor([len(classes)]), blank_idx=BLANK,
                  frames=torch.tensor([frames]))


def test_characters_average_the_frames_in_which_the_teacher_reads_them():
    teacher = spelt(0, 0, BLANK, 1, BLANK)
    student, aligned, labels = align_frames(spelt(1, 1, 1, 1, 1), teacher, word(0, 1, frames=5))
    expected = torch.tensor([[.5, .5, 0, 0, 0], [0, 0, 0, 1, 0]])
    for reading in (student, aligned):
        torch.testing.assert_close(reading.glimpses[0][0], expected, atol=1e-3, rtol=0)
    assert labels.aligned.tolist() == [True]


def test_teacher_looks_where_it_reads_no_blank_and_never_at_padding():
    _, teacher, _ = align_frames(spelt(0, 0, 0, 0), spelt(0, BLANK, 1, 1), word(0, 1, frames=3))
    assert teacher.attention.shape == (1, 1, 1, 4)
    torch.testing.assert_close(teacher.attention.flatten(), torch.tensor([1., 0, 1, 0]),
                               atol=1e-3, rtol=0)


def test_word_that_does_not_fit_is_marked():
    reading = spelt(0, 0)
    student, _, labels = align_frames(reading, reading, word(0, 0, frames=2))  # needs a blank
    assert labels.aligned.tolist() == [False]
    assert not student.glimpses[0].any()


def test_recordings_of_several_orders_become_several_readings():
    recordings = {'logits': torch.rand(6, 2, 5, 7), 'glimpses': torch.rand(6, 2, 5, 3),
                  'visual': torch.rand(2, 8, 4)}
    reading = build_reading(recordings, [tiny_recog.sample('ab')] * 2)
    assert len(reading.logits) == len(reading.glimpses) == 6
    assert reading.attention is None and reading.visual is recordings['visual']
    assert torch.equal(reading.logits[5], recordings['logits'][5])


@pytest.mark.parametrize('flat', [False, True])
def test_attention_becomes_maps_without_padding(flat):
    """Of the second word, 5 of 8 columns and a half are no padding: six, as MMOCR rounds."""
    attention = torch.rand(2, 3, 4, 8)
    attention[1, 2, :, :6] = 0  # this step looked at padding alone
    recordings = {'logits': torch.rand(2, 3, 7), 'glimpses': torch.rand(2, 3, 5),
                  'visual': torch.rand(2, 5, 4, 8),
                  'attention': attention.flatten(2) if flat else attention}
    samples = [tiny_recog.sample('ab'), tiny_recog.sample('cd', valid_ratio=5.5 / 8)]
    found = build_reading(recordings, samples).attention
    for n, width in enumerate((8, 6)):
        seen = attention[n, ..., :width]
        expected = seen / seen.sum((-2, -1), keepdim=True).clamp(min=1e-12)
        torch.testing.assert_close(found[n, ..., :width], expected)
        assert not found[n, ..., width:].any()


def test_attention_that_covers_another_map_is_named():
    recordings = {'logits': torch.rand(1, 3, 7), 'glimpses': torch.rand(1, 3, 5),
                  'visual': torch.rand(1, 5, 4, 8), 'attention': torch.rand(1, 3, 16)}
    with pytest.raises(ValueError, match=r'covers 16 positions.*\(1, 5, 4, 8\)'):
        build_reading(recordings, [tiny_recog.sample('ab')])


def test_steps_are_left_out_of_all_but_the_picture():
    reading = Reading((torch.rand(2, 6, 7), ), (torch.rand(2, 6, 3), ), torch.rand(2, 5, 4, 8),
                      torch.rand(2, 6, 4, 8))
    cut = first_steps_of(reading, 4)
    assert torch.equal(cut.logits[0], reading.logits[0][:, :4])
    assert torch.equal(cut.glimpses[0], reading.glimpses[0][:, :4])
    assert torch.equal(cut.attention, reading.attention[:, :4])
    assert cut.visual is reading.visual
