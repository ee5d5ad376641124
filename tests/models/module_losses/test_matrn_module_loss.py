"""MATRN's loss against a direct computation, and what must not influence it."""
import pytest
import tiny_matrn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.model import BaseModel
from mmocr.registry import MODELS
from tiny_matrn import CLASSES, END, STEPS

ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'


def build(**fields):
    cfg = {'type': 'MATRNModuleLoss', 'dictionary': tiny_matrn.DICTIONARY,
           'max_seq_len': STEPS, 'letter_case': 'lower', **fields}
    return MODELS.build(cfg)


def outputs(words, iters=3, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def logits():
        return torch.randn(words, STEPS, CLASSES, generator=generator, dtype=torch.double)
    fusers = [{'logits': logits(), 'visual_logits': logits(), 'semantic_logits': logits()}
              for _ in range(iters)]
    return {'out_vis': {'logits': logits()}, 'out_fusers': fusers,
            'out_langs': [{'logits': logits()} for _ in range(iters)]}


def compute(out, *texts, **fields):
    loss = build(**fields)
    return loss(out, loss.get_targets(tiny_matrn.samples(*texts)))


def direct(readings, texts):
    """Mean negative log-probability of all characters and ends, one by one."""
    terms = []
    for logits in readings:
        for word, text in enumerate(texts):
            classes = [ALPHABET.index(c) for c in text.lower()] + [END]
            terms += [-torch.log_softmax(logits[word, t], 0)[c]
                      for t, c in enumerate(classes[:STEPS])]
    return sum(terms) / len(terms)


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.text(ALPHABET + 'XYZ', max_size=STEPS + 2), min_size=1, max_size=3),
       iters=st.integers(1, 3))
def test_equals_a_direct_computation(texts, iters):
    # Also empty labels, one-word batches, and words that are longer than the steps.
    out = outputs(len(texts), iters)
    fused = [f[key] for f in out['out_fusers']
             for key in ('logits', 'visual_logits', 'semantic_logits')]
    wanted = {'loss_visual': direct([out['out_vis']['logits']], texts),
              'loss_lang': direct([read['logits'] for read in out['out_langs']], texts),
              'loss_fusion': 3 * direct(fused, texts)}
    losses = compute(out, *texts)
    assert set(losses) == set(wanted)
    assert all(losses[name].item() == pytest.approx(wanted[name].item()) for name in wanted)


def test_steps_after_the_end_do_not_count():
    out = outputs(2)
    out['out_vis']['logits'].requires_grad_()
    compute(out, 'ab', 'a')['loss_visual'].backward()
    used = out['out_vis']['logits'].grad.abs().sum(2) > 0
    assert used.sum(1).tolist() == [3, 2] and used[:, :2].all()


def test_words_of_all_steps_but_one_have_their_end():
    out = outputs(1)
    out['out_vis']['logits'].requires_grad_()
    compute(out, 'abcdefg')['loss_visual'].backward()
    assert (out['out_vis']['logits'].grad[0, -1].argmin() == END)  # pushed up


def test_dictionary_with_a_start_token_shifts_as_in_abinet():
    dictionary = {**tiny_matrn.DICTIONARY, 'with_start': True, 'same_start_end': True}
    out, texts = outputs(2), ('abc', 'x')
    shifted = compute(out, *texts, dictionary=dictionary)
    plain = compute(out, *texts)
    assert all(shifted[name].item() == pytest.approx(plain[name].item()) for name in plain)


def test_with_a_start_token_the_last_step_is_idle():
    dictionary = {**tiny_matrn.DICTIONARY, 'with_start': True, 'same_start_end': True}
    out = outputs(1)
    logits = out['out_vis']['logits'].requires_grad_()
    compute(out, 'abcdefg', dictionary=dictionary)['loss_visual'].backward()
    used = logits.grad[0].abs().sum(1) > 0
    assert used.tolist() == [True] * (STEPS - 1) + [False]


def test_weights():
    out = outputs(2)
    ones = compute(out, 'ab', 'c', weight_vis=1, weight_lang=1, weight_fusion=1)
    twos = compute(out, 'ab', 'c', weight_vis=2, weight_lang=0, weight_fusion=5)
    factors = {'loss_visual': 2, 'loss_lang': 0, 'loss_fusion': 5}
    assert all(twos[name].item() == pytest.approx(f * ones[name].item())
               for name, f in factors.items())


def test_the_total_counts_every_term_once():
    losses = compute(outputs(2), 'ab', 'c')
    total, logged = BaseModel.parse_losses(None, losses)
    assert total.item() == pytest.approx(sum(v.item() for v in losses.values()))
    assert set(logged) == {*losses, 'loss'}


def test_gradcheck():
    out = outputs(2, iters=1)
    leaves = [out['out_vis'], out['out_langs'][0], out['out_fusers'][0]]
    loss = build()
    targets = loss.get_targets(tiny_matrn.samples('ab', 'c'))

    def total(*logits):
        for leaf, value in zip(leaves, logits, strict=True):
            leaf['logits'] = value
        return sum(loss(out, targets).values())
    assert torch.autograd.gradcheck(
        total, [leaf['logits'].requires_grad_() for leaf in leaves], fast_mode=True)


def test_half_precision_is_finite_under_autocast():
    out = outputs(2)
    out['out_vis']['logits'] = (out['out_vis']['logits'] * 1e4).bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        losses = compute(out, 'ab', 'c')
    assert losses['loss_visual'].isfinite() and losses['loss_visual'].dtype == torch.float32


@pytest.mark.parametrize('fields, message', [
    ({'weight_vis': -1.}, 'weight_vis=-1.0'),
    ({'weight_fusion': -0.5}, 'weight_fusion=-0.5'),
    ({'dictionary': {**tiny_matrn.DICTIONARY, 'with_end': False}}, 'end'),
])
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        build(**fields)


def test_characters_outside_the_dictionary_are_refused_or_dropped():
    with pytest.raises(Exception, match='not in dict'):
        compute(outputs(1), "it's")
    dropping = {**tiny_matrn.DICTIONARY, 'with_unknown': True, 'unknown_token': None}
    out = outputs(1)
    assert compute(out, "it's", dictionary=dropping) == compute(out, 'its')
