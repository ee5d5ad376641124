import tiny_recog
import torch

from mmocr_kd.adapters.recognition import align_frames, build_reading
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
    assert reading.attention is None
    assert torch.equal(reading.logits[5], recordings['logits'][5])
