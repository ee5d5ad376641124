"""The attention decoder: what an output depends on, in training and in reading."""
import pytest
import torch
from mmocr.registry import MODELS
from tiny_mask_rcnn import CHARS, decoder_cfg
from tiny_parseq import samples

from mmocr_kd.adapters.recognition import (
    build_reading,
    labels_of,
    prepare_targets,
    reading_sources,
    teacher_forcing,
)
from mmocr_kd.distill import Recorder, Source
from mmocr_kd.losses import HardLabelLoss

WORDS = ('bad', 'a', 'decade', 'abcdefgh')
END = 1


@pytest.fixture
def build(tmp_path):
    def build(**fields):
        torch.manual_seed(0)
        return MODELS.build(decoder_cfg(tmp_path, **fields)).double()
    return build


@pytest.fixture
def memory():
    return torch.randn(4, 5, 8).double()


def step_by_step(model, memory, chars):
    """Logits of one word that is told these characters, by the textbook."""
    hidden, cell = torch.zeros(2, 1, 8).double()
    logits = []
    for char in [0, *chars]:
        energy = [model.attention.energy(torch.tanh(
            model.attention.key(place) + model.attention.query(hidden[0]))) for place in memory]
        weights = torch.softmax(torch.cat(energy), 0)
        seen = sum(weight * place for weight, place in zip(weights, memory))
        told = torch.zeros(28).double()
        told[char] = 1
        hidden, cell = model.cell(torch.cat([seen, told])[None], (hidden, cell))
        logits.append(model.classifier(hidden[0]))
    return torch.stack(logits)


def indexes(word):
    return [CHARS.index(char) + 2 for char in word]


def test_training_follows_the_labels(build, memory):
    model = build().train()
    logits = model(None, memory, samples(*WORDS))
    assert logits.shape == (4, 9, 28)
    for word, mine, place in zip(WORDS, logits, memory):
        expected = step_by_step(model, place, indexes(word))
        torch.testing.assert_close(mine[:len(word) + 1], expected)


def test_an_eval_decoder_can_be_made_to_follow(build, memory):
    """In eval mode alone it reads freely and gives probabilities."""
    model = build()
    trained = model.train()(None, memory, samples(*WORDS))
    with teacher_forcing(model.eval()):
        torch.testing.assert_close(model(None, memory, samples(*WORDS)), trained)
    free = model(None, memory, None)
    torch.testing.assert_close(free.sum(-1), torch.ones(free.shape[:2]).double())


def test_reading_goes_on_from_what_was_read(build, memory):
    model = build().eval()
    probabilities = model(None, memory, None)
    for mine, place in zip(probabilities, memory):
        read = mine.argmax(-1).tolist()
        expected = step_by_step(model, place, read[:-1]).softmax(-1)
        torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize('bias, steps', [(50., 1), (-50., 9)])
def test_reading_stops_when_all_words_have_ended(build, memory, bias, steps):
    model = build().eval()
    with torch.no_grad():
        model.classifier.bias[END] += bias
    assert model(None, memory, None).shape == (4, steps, 28)


def test_words_do_not_depend_on_each_other(build, memory):
    model = build().train()
    together = model(None, memory, samples(*WORDS))
    alone = model(None, memory[2:3], samples(WORDS[2]))
    torch.testing.assert_close(together[2:3], alone)


def test_loss_reaches_everything(build, memory):
    model = build().train()
    memory.requires_grad_()
    model.loss(None, memory, samples(*WORDS))['loss_ce'].backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    assert (memory.grad.abs().sum(-1) > 0).all()


def test_autocast(build):
    model = build().float().train()
    with torch.autocast('cpu', torch.bfloat16):
        model.loss(None, torch.randn(2, 5, 8), samples('ab', 'c'))['loss_ce'].backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_full_size(build):
    model = build(in_channels=256, hidden_channels=256, max_seq_len=32).float().train()
    assert model(None, torch.randn(2, 33, 256), samples('ab', 'c')).shape == (2, 33, 28)


def test_learns_two_words(build, memory):
    model, batch = build().train(), samples('bad', 'decade')
    optimizer = torch.optim.Adam(model.parameters(), lr=.03)
    for _ in range(80):
        optimizer.zero_grad()
        model.loss(None, memory[:2], batch)['loss_ce'].backward()
        optimizer.step()
    read = model.eval().predict(None, memory[:2], batch)
    assert [sample.pred_text.item for sample in read] == ['bad', 'decade']
    assert all(len(sample.pred_text.score) == len(sample.pred_text.item) for sample in read)


class TestSources:
    """What the distillation of recognisers and spotters records."""

    def read(self, model, memory):
        whole = torch.nn.ModuleDict({'decoder': model})
        sources = reading_sources(model)
        recorder = Recorder(whole, {'logits': sources.logits, 'glimpses': sources.glimpses,
                                    'attention': sources.attention})
        batch = samples(*WORDS)
        prepare_targets(model, batch)
        with torch.no_grad(), teacher_forcing(model), recorder as recordings:
            model(None, memory, batch)
        return build_reading({**recordings, 'visual': torch.zeros(4, 8, 1, 5)}, batch), batch

    def test_reading(self, build, memory):
        model = build().eval()
        reading, _ = self.read(model, memory)
        assert reading.glimpses[0].shape == (4, 9, 8)
        torch.testing.assert_close(model.classifier(reading.glimpses[0]), reading.logits[0])
        assert reading.attention.shape == (4, 9, 1, 5)
        torch.testing.assert_close(reading.attention.sum((-2, -1)), torch.ones(4, 9).double())

    def test_labels_are_what_the_loss_compares_with(self, build, memory):
        model = build().eval()
        reading, batch = self.read(model, memory)
        labels = labels_of(model, batch, reading.logits[0])
        assert labels.lengths.tolist() == [4, 2, 7, 9]
        assert labels.end_idx == END and labels.not_read == (0, )
        hard = HardLabelLoss(loss_weight=1.)(reading, reading, labels)
        ours = model.module_loss(reading.logits[0], batch)['loss_ce']
        torch.testing.assert_close(sum(hard.values()), ours)

    def test_source_is_a_source(self, build):
        assert isinstance(reading_sources(build()).attention, Source)


def test_bad_input(build, tmp_path, memory):
    no_start = {**decoder_cfg(tmp_path)['dictionary'], 'type': 'Dictionary', 'with_end': True}
    with pytest.raises(ValueError, match='a start and an end token'):
        build(dictionary=no_start, module_loss=None, postprocessor=None)
    with pytest.raises(ValueError, match='give the recogniser one'):
        build().eval()(None, None, None)
    with pytest.raises(ValueError, match='give it the data_samples'):
        build().forward_train(None, memory)
