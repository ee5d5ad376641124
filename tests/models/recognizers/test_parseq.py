"""PARSeq as a whole: published sizes, and it learns to read."""
import json
from pathlib import Path

import pytest
import tiny_parseq
import torch
from mmocr.registry import MODELS
from tiny_parseq import samples

ROOT = Path(__file__).resolve().parents[3]
DICTIONARY = {'type': 'Dictionary', 'with_end': True, 'dict_file': str(
    ROOT / 'configs/textrecog/dicts/english_digits_punctuation.txt')}
WORDS = ('cab', 'a', 'bandages', 'ox')


@pytest.mark.parametrize('width, heads, image, patch, count', [
    (384, (6, 12), (32, 128), (4, 8), 23_832_671),  # published: 23.8 M
    (384, (6, 12), (16, 64), (2, 4), 23_805_023),  # KD-LTR: 23.81 M
    (192, (3, 6), (32, 128), (4, 8), 6_018_143),  # published: 6.0 M
])
def test_published_sizes(width, heads, image, patch, count):
    backbone = {'type': 'PARSeqViT', 'img_size': image, 'patch_size': patch,
                'embed_dims': width, 'num_heads': heads[0]}
    decoder = {'type': 'PARSeqDecoder', 'dictionary': DICTIONARY, 'embed_dims': width,
               'num_heads': heads[1]}
    with torch.device('meta'):
        model = MODELS.build({'type': 'PARSeq', 'backbone': backbone, 'decoder': decoder})
    assert sum(p.numel() for p in model.parameters()) == count
    assert model.decoder.head.out_features == 95
    assert model.decoder.text_embed.embedding.num_embeddings == 97


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A tiny PARSeq that has learned four words by heart."""
    torch.manual_seed(0)
    cfg = tiny_parseq.recognizer_cfg(tmp_path_factory.mktemp('parseq'), width=32, dropout=0.)
    model = MODELS.build(json.loads(json.dumps(cfg))).train()
    images, losses = torch.randn(4, 3, 8, 32), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for _ in range(120):
        loss = model(images, samples(*WORDS), mode='loss')['loss_ce']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model.eval(), images, losses


def test_loss_falls(trained):
    _, _, losses = trained
    assert losses[-1] < .05 < 2 < losses[0]


@pytest.mark.parametrize('decode_ar', [True, False])
@pytest.mark.parametrize('refine_iters', [0, 1, 2])
def test_reads_back_what_it_has_learned(trained, decode_ar, refine_iters):
    model, images, _ = trained
    model.decoder.decode_ar, model.decoder.refine_iters = decode_ar, refine_iters
    with torch.no_grad():
        read = model(images, samples(*WORDS), mode='predict')
        alone = model(images[1:2], samples('a'), mode='predict')
    assert [sample.pred_text.item for sample in read] == list(WORDS)
    assert [len(sample.pred_text.score) for sample in read] == [len(word) for word in WORDS]
    assert alone[0].pred_text.item == 'a'


def test_refinement_corrects_a_wrong_character(trained):
    """What it is for; one letter of the first guess is falsified."""
    model, images, _ = trained
    decoder = model.decoder
    with torch.no_grad():
        memory = decoder.remember(model.extract_feat(images), None)
        guess = decoder._read_stepwise(memory)
        guess[2, 3] = guess[2, 3].roll(1)
        refined = decoder._refine(memory, guess).argmax(-1)
    assert guess[2, 3].argmax() != refined[2, 3]
    assert decoder.dictionary.idx2str(refined[2, :8].tolist()) == 'bandages'


def test_tensor_mode_gives_probabilities(trained):
    model, images, _ = trained
    with torch.no_grad():
        assert model(images, samples(*WORDS), mode='tensor').sum(-1).allclose(torch.ones(()))
