"""Masking replaces what a random character of a word is read from, and nothing else."""
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.models.decoders import VisualTokenMasking

WORDS, STEPS, SIZE, WIDTH = 3, 5, 16, 4


def inputs(words=WORDS, steps=STEPS, size=SIZE):
    tokens = torch.randn(words, size, WIDTH)
    attention = torch.randn(words, steps, size).softmax(2)
    return tokens, attention, torch.randint(1, steps + 1, (words,))


def test_eval_gives_the_tokens_back_and_draws_nothing():
    masking, (tokens, attention, lengths) = VisualTokenMasking(WIDTH).eval(), inputs()
    state = torch.get_rng_state()
    assert masking(tokens, attention, lengths) is tokens
    assert torch.equal(torch.get_rng_state(), state)


def test_only_drawn_tokens_change_and_inputs_do_not():
    masking, (tokens, attention, lengths) = VisualTokenMasking(WIDTH), inputs()
    before = [t.clone() for t in (tokens, attention, lengths)]
    torch.manual_seed(1)
    drawn = masking.draw(attention, lengths)
    torch.manual_seed(1)
    masked = masking(tokens, attention, lengths)
    assert drawn.any() and not drawn.all()
    assert torch.equal(masked[~drawn], tokens[~drawn])
    assert torch.equal(masked[drawn], masking.v_token.expand_as(masked[drawn]))
    assert all(map(torch.equal, before, (tokens, attention, lengths)))


def test_gradients_go_to_the_token_where_masked_and_to_the_input_elsewhere():
    masking, (tokens, attention, lengths) = VisualTokenMasking(WIDTH), inputs()
    tokens.requires_grad_()
    torch.manual_seed(1)
    drawn = masking.draw(attention, lengths)
    torch.manual_seed(1)
    masking(tokens, attention, lengths).sum().backward()
    assert torch.equal(tokens.grad, (~drawn).float().unsqueeze(2).expand_as(tokens))
    assert torch.equal(masking.v_token.grad, torch.full((1, WIDTH), float(drawn.sum())))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2 ** 31), count=st.integers(1, SIZE),
       lengths=st.lists(st.integers(1, STEPS), min_size=1, max_size=4))
def test_it_masks_the_most_attended_positions_of_one_valid_step(seed, count, lengths):
    torch.manual_seed(seed)
    _, attention, _ = inputs(words=len(lengths))
    masking = VisualTokenMasking(WIDTH, word_prob=1, token_prob=1, num_candidates=count)
    drawn = masking.draw(attention, torch.tensor(lengths))
    for word, length in enumerate(lengths):
        tops = [set(step.argsort(descending=True)[:count].tolist())
                for step in attention[word, :length]]
        assert set(drawn[word].nonzero().flatten().tolist()) in tops


def test_every_valid_step_is_drawn_and_equally_often():
    # Step t attends to position t alone, so that the mask names the step.
    words, length = 6000, 3
    attention = torch.eye(STEPS, SIZE).expand(words, -1, -1)
    masking = VisualTokenMasking(WIDTH, word_prob=1, token_prob=1, num_candidates=1)
    share = masking.draw(attention, torch.full((words,), length)).float().mean(0)
    assert share[length:].sum() == 0
    assert share[:length] == pytest.approx([1 / 3] * 3, abs=4 * math.sqrt(2 / 9 / words))


def test_published_share_of_masked_tokens():
    # 0.9 of the words, 0.9 of ten candidates: 0.9 * 9 of 256 tokens.
    words, size = 4000, 256
    _, attention, lengths = inputs(words, 2, size)
    counts = VisualTokenMasking(WIDTH).draw(attention, lengths).sum(1).float()
    deviation = math.sqrt(0.9 * (81 + 0.9) - 8.1 ** 2)  # of a word's count
    assert counts.mean() == pytest.approx(0.9 * 9, abs=4 * deviation / math.sqrt(words))
    assert (counts > 0).float().mean() == pytest.approx(0.9, abs=4 * 0.3 / math.sqrt(words))
    assert counts.max() == 10


@pytest.mark.parametrize('word, token', [(0, 1), (1, 0)])
def test_probability_zero_masks_nothing(word, token):
    masking, arguments = VisualTokenMasking(WIDTH, word, token), inputs()
    assert torch.equal(masking(*arguments), arguments[0])


def test_the_learned_token_starts_small():
    token = VisualTokenMasking(512).v_token
    assert token.shape == (1, 512) and 5e-4 < token.abs().max() <= 1e-3


@pytest.mark.parametrize('field, value', [
    ('word_prob', 1.1), ('word_prob', -0.1), ('token_prob', 2), ('num_candidates', 0)])
def test_bad_fields(field, value):
    with pytest.raises(ValueError, match=field):
        VisualTokenMasking(WIDTH, **{field: value})
