"""Log-probability of whole words, against every path there is."""
import itertools

import pytest
import torch

from mmocr_kd.losses import Labels, word_log_probs


def test_of_an_attention_decoder_steps_add_up():
    """The end token counts, padding does not."""
    logits = torch.randn(3, 4, 5)
    labels = Labels(torch.tensor([[1, 2, 4, 0], [3, 4, 0, 0], [1, 1, 1, 4]]),
                    torch.tensor([3, 2, 4]), end_idx=4)
    steps = logits.log_softmax(-1)
    expected = torch.stack([
        sum(steps[n, t, labels.indexes[n, t]] for t in range(labels.lengths[n]))
        for n in range(3)])
    torch.testing.assert_close(word_log_probs(logits, labels), expected)
    longer = Labels(torch.nn.functional.pad(labels.indexes, (0, 3)), labels.lengths, end_idx=4)
    torch.testing.assert_close(word_log_probs(logits, longer), expected)


def test_of_ctc_all_paths_add_up():
    logits = torch.randn(2, 4, 3)
    labels = Labels(torch.tensor([[0, 1], [0, 0]]), torch.tensor([2, 1]), blank_idx=2,
                    frames=torch.tensor([4, 3]))
    probabilities = logits.softmax(-1)
    for n, (word, frames) in enumerate((((0, 1), 4), ((0, ), 3))):
        total = sum(torch.stack([probabilities[n, t, c] for t, c in enumerate(path)]).prod()
                    for path in itertools.product(range(3), repeat=frames)
                    if tuple(c for c, _ in itertools.groupby(path) if c != 2) == word)
        assert word_log_probs(logits, labels)[n].exp().item() == pytest.approx(total.item())


def test_words_with_too_few_frames_cannot_be_read():
    labels = Labels(torch.tensor([[0, 0, 0]]), torch.tensor([3]), blank_idx=2,
                    frames=torch.tensor([4]))
    assert word_log_probs(torch.randn(1, 4, 3), labels).exp() == 0


def test_half_precision_counts_in_float32():
    logits = torch.randn(1, 3, 4).half()
    labels = Labels(torch.tensor([[0, 1, 2]]), torch.tensor([3]))
    with torch.autocast('cpu', torch.bfloat16):
        found = word_log_probs(logits, labels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, word_log_probs(logits.float(), labels))


def test_ctc_labels_without_frames():
    with pytest.raises(ValueError, match='CTC needs labels.frames'):
        word_log_probs(torch.zeros(1, 2, 3), Labels(torch.zeros(1, 1).long(), torch.ones(1).long(),
                                                    blank_idx=2))
