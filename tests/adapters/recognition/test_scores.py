"""A student's likelihood of given texts, against reading them step by step."""
import itertools

import pytest
import tiny_parseq
import tiny_recog
import torch
from ctc_paths import all_spellings
from mmocr.registry import MODELS

from mmocr_kd.adapters.recognition import Scorer, Speller, listen, prepare_targets

NRTR = {'type': 'NRTRDecoder', 'n_layers': 2, 'd_embedding': 16, 'n_head': 2, 'd_k': 8, 'd_v': 8,
        'd_model': 16, 'd_inner': 16}
SAR = {'type': 'SequentialSARDecoder', 'd_k': 8, 'd_model': 16, 'd_enc': 16, 'pred_concat': True}
MASTER = {'type': 'MasterDecoder', 'n_layers': 2, 'n_head': 2, 'd_model': 16, 'd_inner': 16,
          'feat_size': 4 * 8, 'attn_drop': 0., 'ffn_drop': 0., 'feat_pe_drop': 0.}
ASTER = {'type': 'ASTERDecoder', 'in_channels': 16, 'emb_dims': 8, 'attn_dims': 8, 'hidden_size': 8}
CHARACTERS = 'abc'


def decoder(folder, cfg, **fields):
    """For words of at most four letters (three, if the start counts)."""
    path = folder / 'abc.txt'
    path.write_text('\n'.join(CHARACTERS))
    dictionary = {'type': 'Dictionary', 'dict_file': str(path), 'with_start': True,
                  'with_end': True, 'same_start_end': True, 'with_padding': True, **fields}
    torch.manual_seed(3)
    made = MODELS.build({**cfg, 'max_seq_len': 5, 'dictionary': dictionary, 'module_loss': {
        'type': 'CEModuleLoss', 'flatten': True, 'ignore_first_char': True}})
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if 'norm' not in name and parameter.dim() > 1:
                parameter.normal_(std=2 * parameter.shape[-1]**-.5)
    return made.eval()


def features(cfg):
    """Feature map and encoder's output, as each decoder wants them."""
    feat = torch.randn(2, 16, 4, 8)
    tokens = feat.flatten(2).mT.contiguous()
    return {'NRTRDecoder': (feat, tokens), 'SequentialSARDecoder': (feat, torch.randn(2, 16)),
            'MasterDecoder': (feat, None), 'ASTERDecoder': (feat, tokens)}[cfg['type']]


def score(made, inputs, *words, samples=None):
    """Scores of as many words as there are images."""
    told = Speller(made)([[(text, -1.) for text in texts] for texts in words])
    samples = samples or [tiny_recog.sample('a') for _ in words]
    logits = next(each for each in inputs if each is not None)
    return Scorer(made, logits, inputs, samples)(told)


@pytest.mark.parametrize('cfg', [NRTR, SAR, MASTER, ASTER], ids=lambda cfg: cfg['type'])
def test_probabilities_of_all_words_add_up(tmp_path, cfg):
    """Every word of at most L characters and every beginning of L + 1: something has to happen."""
    made, inputs = decoder(tmp_path, cfg), features(cfg)
    words = [''.join(chars) for length in range(3) for chars in
             itertools.product(CHARACTERS, repeat=length)]
    with torch.no_grad():
        scores = score(made, inputs, words, words).exp()
        assert scores.shape == (2, 13) and (scores[0] - scores[1]).abs().max() > 1e-4
        total = scores.sum(1)
        samples = [tiny_recog.sample(word) for word in words if len(word) == 2 for _ in range(2)]
        prepare_targets(made, samples)
        made.training = True
        repeated = [None if each is None else each.repeat(9, *[1] * (each.dim() - 1))
                    for each in inputs]
        made.module_loss.get_targets(samples)
        # What is left: beginnings of two characters that do not end there, and other tokens.
        probs = made(*repeated, samples).softmax(2)
        others = [probs.shape[2] - 1]  # padding, which may be "read" anywhere
        end = made.dictionary.end_idx
        left = torch.zeros(2)
        for row, sample in enumerate(samples):
            first, second = sample.gt_text.indexes.tolist()
            step = probs[row]
            path = step[0, first] * step[1, second]
            left[row % 2] += path * (1 - step[2, end])
            if second == 0:
                left[row % 2] += step[0, first] * step[1, others].sum()
            if first == second == 0:
                left[row % 2] += step[0, others].sum()
    torch.testing.assert_close(total + left, torch.ones(2), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('cfg', [NRTR, SAR, MASTER, ASTER], ids=lambda cfg: cfg['type'])
def test_what_it_reads_is_as_probable_as_its_steps_say(tmp_path, cfg):
    """Reading freely, in eval mode, is another path through MMOCR's decoders."""
    made, inputs = decoder(tmp_path, cfg), features(cfg)
    with torch.no_grad():
        probs = made(*inputs, [tiny_recog.sample('a'), tiny_recog.sample('a')])
    best, end, compared = probs.argmax(2), made.dictionary.end_idx, 0
    for row, (classes, steps) in enumerate(zip(best.tolist(), probs)):
        # What comes after the greedy beginning of up to three characters, whatever the next is.
        length = next((i for i, c in enumerate(classes[:3]) if c > 2), 3)
        text = made.dictionary.idx2str(classes[:length])
        found = score(made, inputs, [text], [text])[row, 0]
        expected = steps[range(length), classes[:length]].log().sum() + steps[length, end].log()
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        compared += length
    assert compared


def test_each_hypothesis_is_read_alone(tmp_path):
    made, inputs = decoder(tmp_path, NRTR), features(NRTR)
    samples = [tiny_recog.sample('a', valid_ratio=ratio) for ratio in (.5, 1.)]
    words = ['ab', '', 'ccc'], ['b']
    together = score(made, inputs, *words, samples=samples)
    for row, texts in enumerate(words):
        for column, text in enumerate(texts):
            alone = score(made, inputs, [text], [text], samples=samples)[row, 0]
            torch.testing.assert_close(together[row, column], alone)
    unpadded = score(made, inputs, *words)
    assert (unpadded[0] - together[0]).abs().max() > 1e-4  # it knows what is padding


def test_parseq_reads_from_left_to_right_as_it_will_in_the_end(tmp_path):
    made = tiny_parseq.decoder(tmp_path, refine_iters=0)
    tokens = torch.randn(3, 16, 16)
    with torch.no_grad():
        made.head.bias[tiny_parseq.END] += 1.
        probs = made(None, tokens, None)
    words, expected = [], []
    for steps in probs:
        classes = steps.argmax(1).tolist()
        length = classes.index(tiny_parseq.END) if tiny_parseq.END in classes[:8] else 7
        words.append([made.dictionary.idx2str(classes[:length])])
        ends = steps[length, tiny_parseq.END].log() if length < len(steps) else None
        assert ends is not None
        expected.append(steps[range(length), classes[:length]].log().sum() + ends)
    made.orders = orders = torch.zeros(1, 1)
    found = score(made, (None, tokens), *words)
    torch.testing.assert_close(found[:, 0], torch.stack(expected), atol=1e-4, rtol=1e-4)
    assert made.orders is orders and not made.training
    assert len({len(word) for word, in words}) > 1


def test_ctc_counts_all_paths_through_the_valid_frames(tmp_path):
    path = tmp_path / 'abc.txt'
    path.write_text('\n'.join(CHARACTERS))
    made = MODELS.build({
        'type': 'CRNNDecoder', 'in_channels': 4, 'rnn_flag': False,
        'dictionary': {'type': 'Dictionary', 'dict_file': str(path), 'with_padding': True},
        'module_loss': {'type': 'CTCModuleLoss'}})
    logits = torch.randn(2, 4, 4, requires_grad=True)
    samples = [tiny_recog.sample('a'), tiny_recog.sample('a', valid_ratio=.5)]
    texts = ['', 'a', 'ab', 'aa', 'abc', 'aaa']
    told = Speller(made)([[(text, -1.) for text in texts]] * 2)
    found = Scorer(made, logits, [], samples)(told)
    for row, frames in ((0, 4), (1, 2)):
        probs = logits[row, :frames].detach().softmax(1).double()
        masses = {label: spelling.mass for label, spelling in all_spellings(probs, 3).items()}
        expected = [masses.get(tuple(made.dictionary.str2idx(text)), 0.) for text in texts]
        torch.testing.assert_close(found[row].exp().double(), torch.tensor(
            expected, dtype=torch.float64), atol=1e-6, rtol=1e-5)
    found[found > -torch.inf].sum().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize('make', [tiny_recog.abinet_cfg, tiny_recog.abinet_language_cfg])
def test_abinet_needs_no_second_pass(make, monkeypatch):
    model = MODELS.build(make()).eval()
    made = model.decoder
    logits = torch.randn(2, 26, 37)
    monkeypatch.setattr(made, 'forward', None)
    found = score(made, [logits], ['hello', 'ab'], ['7'])
    log_probs = logits.log_softmax(2)
    for row, text in ((0, 'hello'), (1, '7')):
        classes = [*made.dictionary.str2idx(text), made.dictionary.end_idx]
        expected = log_probs[row, range(len(classes)), classes].sum()
        torch.testing.assert_close(found[row, 0], expected)


def test_listening_to_a_student_and_learning_from_it(tmp_path):
    """Whole recognisers: the features of one pass serve all hypotheses, and get their gradient."""
    model = MODELS.build(tiny_parseq.recognizer_cfg(tmp_path))
    samples = [tiny_recog.sample('hello', (8, 32)), tiny_recog.sample('ab', (8, 32))]
    prepare_targets(model.decoder, samples)
    with listen(model.decoder) as inputs:
        model(torch.rand(2, 3, 8, 32), samples, mode='tensor')
    assert len(inputs) == 2 and inputs[0].shape[0] == 2
    runs = []
    model.backbone.register_forward_hook(lambda *_: runs.append(1))
    told = Speller(model.decoder)([[('hallo', -.1), ('hell', -2.)], [('ab', -.1)]])
    found = Scorer(model.decoder, inputs[0], inputs, samples)(told)
    found.sum().backward()
    assert not runs and all(p.grad is not None for p in model.backbone.parameters())


def test_words_have_to_be_those_that_were_read(tmp_path):
    made = decoder(tmp_path, NRTR)
    with pytest.raises(ValueError, match='1 words have hypotheses, 2 were read'):
        score(made, features(NRTR), ['a'])
