"""MATRN's decoder: what it returns, what it iterates on, what is random, where gradients go."""
import pytest
import tiny_matrn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.registry import MODELS
from tiny_matrn import CLASSES, END, HEIGHT_OF_MAP, STEPS, WIDTH, WIDTH_OF_MAP

from mmocr_kd.models.decoders.matrn_fuser import word_lengths


def fuser(**fields):
    return MODELS.build(tiny_matrn.decoder_cfg(**fields))


def test_training_output():
    out = fuser(num_iters=3)(None, tiny_matrn.features(), tiny_matrn.samples('ab', 'c'))
    assert set(out) == {'out_vis', 'out_langs', 'out_fusers'}
    assert out['out_vis']['attn_scores'].shape == (2, STEPS, HEIGHT_OF_MAP, WIDTH_OF_MAP)
    assert len(out['out_langs']) == len(out['out_fusers']) == 3
    for read in (out['out_vis'], *out['out_langs'], *out['out_fusers']):
        assert read['feature'].shape == (2, STEPS, WIDTH)
        assert read['logits'].shape == (2, STEPS, CLASSES)
    for read in out['out_fusers']:
        assert read['visual_logits'].shape == read['semantic_logits'].shape == (2, STEPS, CLASSES)


def test_testing_gives_probabilities_of_the_last_iteration_and_is_deterministic():
    decoder, feature = fuser().eval(), tiny_matrn.features()
    with torch.no_grad():
        out = decoder(None, feature)
        raw = decoder.forward_train(None, feature)['out_fusers']
        assert torch.equal(out, decoder(None, feature))
    assert len(raw) == 2 and not torch.equal(raw[0]['logits'], raw[1]['logits'])
    torch.testing.assert_close(out, raw[-1]['logits'].softmax(2))


def test_each_iteration_corrects_the_reading_before():
    decoder, seen = fuser(num_iters=3).eval(), []
    decoder.language_decoder.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    out = decoder.forward_train(None, tiny_matrn.features())
    before = [out['out_vis'], *out['out_fusers'][:-1]]
    assert len(seen) == 3
    assert all(torch.equal(a, b['logits']) for a, b in zip(seen, before, strict=True))


def test_the_language_decoders_reading_says_which_steps_may_be_masked():
    decoder, seen = fuser(num_iters=1), []
    decoder.semantic_visual.register_forward_pre_hook(lambda _, args: seen.append(args[3]))
    out = decoder.forward_train(None, tiny_matrn.features(5))
    assert torch.equal(seen[0], word_lengths(out['out_langs'][0]['logits'], END))


def test_teacher_forcing_with_leaves_in_eval_mode_is_not_random():
    """How a distiller runs its teacher: decoders give raw logits, nothing else trains."""
    decoder, feature = fuser().eval(), tiny_matrn.features()
    for module in decoder.modules():
        if isinstance(module, BaseDecoder):
            module.training = True
    with torch.no_grad():
        first, second = (decoder(None, feature, tiny_matrn.samples('ab', 'c')) for _ in range(2))
        quiet = decoder.eval()(None, feature)
    assert torch.equal(first['out_fusers'][-1]['logits'], second['out_fusers'][-1]['logits'])
    torch.testing.assert_close(first['out_fusers'][-1]['logits'].softmax(2), quiet)


def gradients(decoder, pick):
    """Gradient norms of the input and of all parameters, for one of the readings."""
    feature = tiny_matrn.features().requires_grad_()
    pick(decoder.forward_train(None, feature)).square().sum().backward()
    norms = {name: 0. if p.grad is None else float(p.grad.norm())
             for name, p in decoder.named_parameters()}
    return 0. if feature.grad is None else float(feature.grad.norm()), norms


def parts_with_gradient(norms):
    return {name.split('.')[0] for name, norm in norms.items() if norm}


def test_language_tokens_are_detached():
    image, norms = gradients(fuser(num_iters=1), lambda out: out['out_langs'][0]['logits'])
    assert image == 0 and parts_with_gradient(norms) == {'language_decoder'}


def test_fused_logits_do_not_train_the_vision_decoder():
    image, norms = gradients(fuser(), lambda out: out['out_fusers'][-1]['logits'])
    assert image > 0
    assert parts_with_gradient(norms) == {'language_decoder', 'semantic_visual'}


def test_undetached_tokens_do():
    cfg = tiny_matrn.decoder_cfg()
    cfg['language_decoder']['detach_tokens'] = False
    _, norms = gradients(MODELS.build(cfg), lambda out: out['out_langs'][0]['logits'])
    assert 'vision_decoder' in parts_with_gradient(norms)


def test_the_loss_trains_every_parameter():
    decoder = fuser()
    losses = decoder.loss(None, tiny_matrn.features(8), tiny_matrn.samples(*['abc'] * 8))
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in decoder.parameters())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.sampled_from([0, 1, END]), min_size=6, max_size=6), min_size=1,
                max_size=4), st.integers(1, 3))
def test_word_lengths_equal_a_loop(classes, shortest):
    logits = torch.nn.functional.one_hot(torch.tensor(classes), CLASSES).double()
    wanted = [max(word.index(END) + 1 if END in word else len(word), shortest)
              for word in classes]
    assert word_lengths(logits, END, shortest).tolist() == wanted


def test_cfgs_are_not_changed():
    cfg = tiny_matrn.decoder_cfg()
    kept = {name: dict(cfg[name])
            for name in ('vision_decoder', 'language_decoder', 'semantic_visual')}
    MODELS.build(cfg)
    assert all(cfg[name] == part for name, part in kept.items())


@pytest.mark.parametrize('fields, message', [
    ({'num_iters': 0}, 'num_iters=0'),
    ({'dictionary': {**tiny_matrn.DICTIONARY, 'with_end': False}, 'module_loss': None},
     'with_end=True'),
    ({'semantic_visual': tiny_matrn.fusion_cfg(max_seq_len=3)}, 'its own max_seq_len=3'),
    ({'semantic_visual': tiny_matrn.fusion_cfg(d_model=16)},
     "'semantic_visual.d_model': 16"),
])
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        fuser(**fields)
