"""What the official code of KD-LTR was run on, without random numbers."""
import torch

from mmocr_kd.losses import Labels, Reading


def ramp(*shape):
    """0, 1, 2, ... in row-major order."""
    numbers = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return numbers.reshape(shape)


def labels(lengths, steps=26, end_idx=0, **fields):
    """Labels of which only the lengths matter."""
    lengths = torch.as_tensor(lengths)
    indexes = torch.ones(len(lengths), steps, dtype=torch.long)
    return Labels(indexes, lengths, end_idx, **fields)


def maps():
    """Readings that hold maps of 4 channels, and 26 attentions of the teacher."""
    student, teacher = (.1 * ramp(2, 4, 8, 32)).sin(), (.07 * ramp(2, 4, 8, 32) + .3).cos()
    attention = (.05 * ramp(2, 26, 256)).sin().softmax(-1).reshape(2, 26, 8, 32)
    return Reading((), visual=student), Reading((), visual=teacher, attention=attention)


def tokens():
    """Readings that hold 128 tokens of 6 channels."""
    student, teacher = (.1 * ramp(2, 128, 6)).sin(), (.07 * ramp(2, 128, 6) + .3).cos()
    return Reading((), visual=student), Reading((), visual=teacher)


def characters():
    """Seven vectors of student and teacher."""
    return (.3 * ramp(7, 16)).sin(), (.3 * ramp(7, 16) + .2).sin()


def words(end_idx=0):
    """Readings of words with 3, 6 and 10 characters, and their labels; 37 classes.

    The official end token is class 0; another one is swapped with it.
    """
    base = 2 * (.37 * ramp(3, 26, 37)).sin()
    lengths = torch.tensor([3, 6, 10])
    word, step = torch.arange(3)[:, None], torch.arange(26)
    classes = (5 * word + 3 * step) % 36 + 1
    classes = torch.where(step < lengths[:, None], classes, 0)
    read = torch.nn.functional.one_hot(classes, 37).double()
    order = torch.arange(37)
    order[0], order[end_idx] = end_idx, 0
    student, teacher = (.5 * base + 9 * read)[..., order], (base + 18 * read)[..., order]
    return Reading((student, )), Reading((teacher, )), Labels(order[classes], lengths + 1, end_idx)
