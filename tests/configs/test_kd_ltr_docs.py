"""What the guide says about KD-LTR is what the code does: links, examples, defaults, table."""
import re
from pathlib import Path

import pytest
from guides import broken_links, examples, shown_defaults, true_defaults
from mmcv.transforms import Compose
from mmengine.config import Config
from mmocr.registry import MODELS

import mmocr_kd
from mmocr_kd.adapters.recognition.reading_sources import _FAMILIES

GUIDE = Path(__file__).resolve().parents[2] / 'docs/kd_ltr.md'
STUDENT, PIPELINE, SEVERAL = examples(GUIDE)


def test_links_lead_somewhere():
    assert not broken_links(GUIDE)


def test_example_builds():
    model = MODELS.build(Config.fromstring(STUDENT, '.py').model)
    assert model.student.decoder.max_seq_len == 26
    assert set(model.losses) == {'visual', 'semantic', 'logits', 'hard'}


def test_several_teachers_build_beside_the_students_own():
    model = Config.fromstring(STUDENT, '.py').model
    model.losses = Config.fromstring(SEVERAL, '.py').losses
    terms = MODELS.build(model).distiller.terms
    assert [type(term.teacher).__name__ for term in terms.values()] == [
        'RecognizerTeacher', 'RecognizerTeacher', 'OnnxTeacher', 'NoneType']
    assert terms['words'].schedule.start == 1000 and terms['logits'].weight.share == .5


def test_pipeline_makes_pairs():
    steps = Config.fromstring(PIPELINE, '.py').train_pipeline
    sample = dict(mmocr_kd.EmbeddedTextRecogDataset(num_images=1)[0])
    packed = Compose(steps)(sample)
    assert packed['inputs'].shape == (3, 16, 64)
    assert packed['hr_inputs'].shape == (3, 32, 128)


@pytest.mark.parametrize('name', ['LowResRecognizerDistiller', 'VisualFocusLoss',
                                  'SemanticContrastiveLoss', 'SoftLogitsLoss', 'HardLabelLoss'])
def test_field_tables_show_the_true_defaults(name):
    shown, true = shown_defaults(GUIDE, name), true_defaults(getattr(mmocr_kd, name))
    assert shown.pop('may_differ', None) == ('see code' if true.pop('may_differ', None) else None)
    assert shown == true


def test_every_decoder_has_a_row():
    rows = re.findall(r'^\| [\w, ]+ \| ((?:`\w+`(?:, )?)+) \|.*\| [\w-]+ \|$', GUIDE.read_text(),
                      re.M)
    spotters = {'ABCNetRecDecoder'}  # reads features of a spotter, no images of words
    assert sorted(re.findall(r'\w+', ' '.join(rows))) == sorted(set(_FAMILIES) - spotters)
