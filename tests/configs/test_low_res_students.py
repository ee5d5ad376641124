"""Low-resolution students: each against the teacher that its config file names."""
import re
from fnmatch import fnmatchcase
from pathlib import Path

import mmocr
import pytest
import torch
from config_zoo import ROOT, load, shallow
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

from mmocr_kd.adapters.recognition import start_from_teacher

FOLDER = ROOT / 'textrecog/kd_ltr/_base_/models'
MMOCR = Path(mmocr.__file__).parent / '.mim/configs'
SHORTCUT = 'backbone.layer1.0.downsample.*'
PATCHES = 'backbone.patch_embed.proj.weight'
PIXEL_TABLE = 'preprocessor.tps.target_coordinate_repr'

# Channels, height and width of the images they read; their teachers' are twice as large.
IMAGES = {
    'abinet_lr': (3, 16, 64),
    'aster_lr': (3, 32, 128),
    'crnn_lr': (1, 16, 50),
    'crnn_slim-vgg_lr': (1, 16, 50),
    'master_lr': (3, 24, 80),
    'matrn_lr': (3, 16, 64),
    'matrn-small_lr': (3, 16, 64),
    'nrtr-modality_lr': (3, 16, 80),
    'nrtr-r31_lr': (3, 16, 80),
    'parseq_lr': (3, 16, 64),
    'parseq-mini_lr': (3, 16, 64),
    'parseq-tiny_lr': (3, 16, 64),
    'robustscanner_lr': (3, 24, 80),
    'sar-parallel_lr': (3, 24, 80),
    'sar-sequential_lr': (3, 24, 80),
    'satrn_lr': (3, 16, 50),
    'svtr-tiny_lr': (3, 32, 128),
}
# Patterns of the keys in which they differ from their teachers.
DIFFERENCES = {
    'abinet_lr': {SHORTCUT},
    'aster_lr': {SHORTCUT, PIXEL_TABLE},
    'matrn_lr': {SHORTCUT},
    'matrn-small_lr': {SHORTCUT},
    'parseq_lr': {PATCHES},
    'parseq-mini_lr': {PATCHES},
    'parseq-tiny_lr': {PATCHES},
    'svtr-tiny_lr': {PIXEL_TABLE},
}
# Parameters of student and teacher, those of the official code in millions, and how many of the
# latter MMOCR's layers do without: biases before batch normalisations (960 per attention U-Net),
# but for the 32 of the stem, which only MMOCR has.
PARAMETERS = {
    'abinet_lr': ((36_736_687, 36_737_775), (36.7376, 36.7387), 960 - 32),
    'matrn_lr': ((44_155_513, 44_156_601), (44.1574, 44.1585), 2 * 960 - 32),
    'parseq_lr': ((23_805_023, 23_832_671), (23.8050, 23.8327), 0),
}


def test_every_student_is_tested():
    assert {path.stem for path in FOLDER.glob('*_lr.py')} == {*IMAGES}


@pytest.fixture(scope='module', params=IMAGES)
def name(request):
    return request.param


@pytest.fixture(scope='module')
def pair(name):
    """Student and teacher with few layers, reading words of few characters."""
    return [MODELS.build(shallow(cfg)).eval() for cfg in configs(name)]


def test_has_its_teachers_parameters(name, pair):
    student, teacher = (shapes(model) for model in pair)
    differ = {key for key in {*student, *teacher} if student.get(key) != teacher.get(key)}
    patterns = DIFFERENCES.get(name, set())
    assert {key for key in differ if not any(fnmatchcase(key, p) for p in patterns)} == set()
    assert all(any(fnmatchcase(key, p) for key in differ) for p in patterns)


def test_decoder_gets_what_the_teachers_decoder_gets(name, pair):
    channels, height, width = IMAGES[name]
    sizes = [decoder_inputs(model, (channels, scale * height, scale * width))
             for model, scale in zip(pair, (1, 2))]
    assert sizes[0] == sizes[1]


def test_starts_from_its_teacher_and_reads(name, pair):
    student, teacher = pair
    result = start_from_teacher(student, teacher.state_dict())
    assert len(result.copied) >= len(student.state_dict()) - 1
    pixels = torch.randint(0, 256, (2, *IMAGES[name]), dtype=torch.uint8)
    samples = [sample(*IMAGES[name]) for _ in pixels]
    words = student.test_step(dict(inputs=[*pixels], data_samples=samples))
    assert all(isinstance(word.pred_text.item, str) for word in words)


@pytest.mark.parametrize('name', PARAMETERS)
def test_parameter_count(name):
    exact, official, without = PARAMETERS[name]
    built = [MODELS.build(cfg) for cfg in configs(name)]
    counts = tuple(sum(p.numel() for p in model.parameters()) for model in built)
    assert counts == exact
    assert tuple(round((count + without) / 1e6, 4) for count in counts) == official


def test_parseq_starts_as_its_teacher_on_enlarged_words():
    # Enlarged by repeating pixels; the same decoder then sees the same tokens.
    student, teacher = (MODELS.build(cfg).eval() for cfg in configs('parseq-mini_lr'))
    start_from_teacher(student, teacher.state_dict())
    words = torch.randint(0, 256, (2, 3, 16, 64), dtype=torch.uint8)
    large = words.repeat_interleave(2, 2).repeat_interleave(2, 3)
    small_read, large_read = (
        model.test_step(dict(inputs=[*images], data_samples=[sample(*x.shape) for x in images]))
        for model, images in ((student, words), (teacher, large)))
    for a, b in zip(small_read, large_read):
        assert a.pred_text.item == b.pred_text.item
        assert a.pred_text.score == pytest.approx(b.pred_text.score, abs=1e-5)


def configs(name):
    """Model configs of a student and of its teacher, see there."""
    path = FOLDER / f'{name}.py'
    return [load(file).to_dict()['model'] for file in (path, teacher_of(path.read_text()))]


def teacher_of(text):
    """The config that a comment in the student's config names, or else its base."""
    named = re.search(r'^# .*?\b(mmocr::|configs/)(\S+\.py)$', text, re.MULTILINE)
    if named:
        return {'mmocr::': MMOCR, 'configs/': ROOT}[named[1]] / named[2]
    return FOLDER / re.search(r"_base_ = '(\S+)'", text)[1]


def shapes(model):
    return {key: value.shape for key, value in model.state_dict().items()}


def sample(channels, height, width):
    return TextRecogDataSample(metainfo=dict(
        img_shape=(height, width), ori_shape=(height, width), valid_ratio=1.0, img_path='w.png'))


def decoder_inputs(model, image):
    """Shapes of the backbone's maps and of what the encoder makes of them."""
    with torch.no_grad():
        features = model.extract_feat(torch.randn(1, *image))
        encoded = model.encoder(features, [sample(*image)]) if model.with_encoder else None
    # SVTR's features are the rectified image, which its decoder does not look at.
    maps = features.shape if model.with_backbone else None
    return maps, None if encoded is None else encoded.shape
