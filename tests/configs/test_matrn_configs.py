"""MATRN's configs: published sizes, published recipe, and pipelines that run."""
import re
from pathlib import Path

import mmocr
import numpy as np
import pytest
import torch
from config_zoo import CONFIGS, build, load, without_pretrained
from guides import broken_links
from mmcv.transforms import Compose
from mmengine.config import ConfigDict
from mmengine.optim import MultiStepLR
from mmocr.registry import DATASETS, MODELS

PUBLISHED = load(CONFIGS['matrn_10e_st_mj'])
SMALL = load(CONFIGS['matrn-small_8e_embedded'])
ABINET = Path(mmocr.__file__).parent / '.mim/configs/textrecog/abinet/_base_abinet.py'

# What an MMOCR-built network has more and fewer parameters of than the official one:
STEM_BIAS = 32  # ResNetABI's first convolution has a bias
# The convolutions of the small U-Nets have none: four of the encoder and three of the decoder with
# 64 channels, the last with 512, in the vision decoder and in the fusion.
U_NET_BIASES = 2 * (7 * 64 + 512)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_published_size():
    assert count(build(PUBLISHED)) == 44_156_601
    official = 44_156_601 - STEM_BIAS + U_NET_BIASES
    assert official == 44_158_489 and f'{official / 1e6:.4f}' == '44.1585'


def test_abinets_parts_fit_key_by_key():
    """MMOCR's ABINet, from whose weights the recipe starts, has the same classes."""
    abinet, matrn = MODELS.build(load(ABINET).model), build(PUBLISHED)
    theirs, ours = abinet.state_dict(), matrn.state_dict()
    shared = {key for key in theirs if not key.startswith(('decoder.w_att', 'decoder.cls'))}
    assert {key: theirs[key].shape for key in shared} == {key: ours[key].shape for key in shared}
    assert all(key.startswith('decoder.semantic_visual.') for key in ours.keys() - shared)
    dictionaries = abinet.decoder.dictionary, matrn.decoder.dictionary
    assert dictionaries[0].dict[:36] == dictionaries[1].dict[:36]
    assert [d.end_idx for d in dictionaries] == [36, 36]
    assert [d.num_classes for d in dictionaries] == [37, 37]


def test_published_recipe():
    assert dict(PUBLISHED.optim_wrapper.optimizer) == dict(type='Adam', lr=1e-4)
    assert PUBLISHED.optim_wrapper.clip_grad.max_norm == 20
    assert PUBLISHED.train_dataloader.batch_size == 384
    roots = [part.data_root for part in PUBLISHED.train_dataloader.dataset.datasets]
    assert roots == ['data/mjsynth', 'data/synthtext']
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    schedule = ConfigDict(PUBLISHED.param_scheduler[0])
    assert schedule.pop('type') == 'MultiStepLR'
    scheduler, rates = MultiStepLR(optimizer, **schedule), []
    for _ in range(PUBLISHED.train_cfg.max_epochs):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([1e-4] * 6 + [1e-5] * 4)


def test_published_fusion_and_loss():
    fusion, loss = (PUBLISHED.model.decoder[part] for part in ('semantic_visual', 'module_loss'))
    assert PUBLISHED.model.decoder.num_iters == 3
    assert (fusion.mask_word_prob, fusion.mask_token_prob, fusion.mask_candidates) == (.9, .9, 10)
    assert (loss.weight_vis, loss.weight_lang, loss.weight_fusion) == (1, 1, 3)


def test_colours_are_rgb():
    red = np.zeros((32, 128, 3), np.uint8)
    red[..., 2] = 255  # BGR, as MMOCR loads images
    assert PUBLISHED.model.data_preprocessor.bgr_to_rgb
    preprocessor = build(PUBLISHED).data_preprocessor
    image = torch.from_numpy(red).permute(2, 0, 1)
    [seen] = preprocessor({'inputs': [image], 'data_samples': None})['inputs']
    wanted = [(255 - 123.675) / 58.395, -116.28 / 57.12, -103.53 / 57.375]
    assert seen[:, 0, 0].tolist() == pytest.approx(wanted, abs=1e-4)


@pytest.fixture(scope='module')
def word():
    """A sample as the embedded data set gives it, with another label."""
    words = ConfigDict(SMALL.test_dataloader.dataset, num_images=1)
    info = DATASETS.build(without_pretrained(words.to_dict())).get_data_info(0)
    return dict(info, instances=[dict(text='Its-$3.50')])


@pytest.mark.parametrize('cfg, part, label', [
    (PUBLISHED, 'train_dataloader', 'its350'), (PUBLISHED, 'test_dataloader', 'Its-$3.50'),
    (SMALL, 'train_dataloader', 'Its-$3.50'), (SMALL, 'test_dataloader', 'Its-$3.50')])
def test_pipelines_give_images_and_samples(word, cfg, part, label):
    pipeline = Compose(cfg[part].dataset.pipeline)
    for _ in range(30):  # often enough for each random step
        packed = pipeline(dict(word))
        assert packed['inputs'].shape == (3, 32, 128) and packed['inputs'].dtype == torch.uint8
        assert packed['data_samples'].gt_text.item == label


@pytest.mark.parametrize('text, kept', [('a' * 25, True), ('a' * 26, False), ('$-!', False)])
def test_published_training_leaves_out_long_and_empty_words(word, text, kept):
    packed = Compose(PUBLISHED.train_pipeline)(dict(word, instances=[dict(text=text)]))
    assert (packed is not None) == kept


def test_readme_and_metafile_name_what_exists():
    folder = CONFIGS['matrn_10e_st_mj'].parent
    readme, metafile = ((folder / name).read_text() for name in ('README.md', 'metafile.yml'))
    assert {path.name for path in folder.glob('*.py')} == set(
        re.findall(r'`(matrn[\w\-]*\.py)`', readme))
    assert re.findall(r'- Name: (matrn.*)', metafile) == ['matrn_10e_st_mj']
    assert not broken_links(folder / 'README.md')


def test_labels_lose_what_is_not_a_letter_or_digit():
    dictionary = build(PUBLISHED).decoder.dictionary
    assert dictionary.idx2str(dictionary.str2idx("it's $3.50")) == 'its350'
