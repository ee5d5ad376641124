"""What docs/dld.md says is so: links, examples, losses, fields, messages."""
import inspect
import re
from pathlib import Path

import pytest
from guides import broken_links, examples
from mmengine.config import Config
from mmocr.registry import MODELS

import mmocr_kd
from mmocr_kd.models.dld.distillation import DEFAULTS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / 'docs/dld.md'
TEXT = GUIDE.read_text()
EXAMPLES = examples(GUIDE)
TRAININGS = [example for example in EXAMPLES if '_base_' in example]


def test_links_lead_somewhere():
    assert not broken_links(GUIDE)


@pytest.mark.parametrize('example', TRAININGS)
def test_examples_teach_what_they_say(example, tmp_path):
    """That they train and predict is tested in tests/pages."""
    path = tmp_path / 'my_dld.py'
    path.write_text(example.replace("'configs/", f"'{ROOT}/configs/"))
    model = MODELS.build(Config.fromfile(path, format_python_code=False).model)
    learning = {name.split('.')[0] for name, p in model.named_parameters() if p.requires_grad}
    selects = 'Selector' in example
    assert selects == ('objective=' in example)
    assert learning == {name for name, learns in (
        ('selector', selects), ('student', model.train_student)) if learns}


def test_there_is_an_example_of_each_kind():
    kinds = ['train_student=False', 'HeightErrors', 'losses=', 'terms=', "crop_from='full'"]
    assert len(TRAININGS) == len(kinds)
    assert all(kind in example for kind, example in zip(kinds, TRAININGS))
    (inference, ) = set(EXAMPLES) - set(TRAININGS)
    compile(inference, str(GUIDE), 'exec')
    exec(inference.split('\n\n')[0], {})  # the import


def test_field_of_losses_names_all_of_them():
    (row, ) = re.findall(r'^\| `losses` \|(.*)\|$', TEXT, re.M)
    assert set(DEFAULTS) <= set(re.findall(r'`(\w+)`', row))


@pytest.mark.parametrize('name', ['DLDTextSpotter', 'ResolutionSelector'])
def test_tables_of_fields(name):
    """All fields but those that every model of MMOCR has."""
    section = TEXT.split(f'\n`{name}`:\n')[1].split('\n\n')[0]
    shown = {field for cell in re.findall(r'^\| (`.*?`) \|', section, re.M)
             for field in re.findall(r'`(\w+)`', cell)}
    fields = {*inspect.signature(getattr(mmocr_kd, name)).parameters}
    assert shown == fields - {'data_preprocessor', 'init_cfg', 'in_channels'}


def test_messages_are_those_of_the_code():
    """What stands in the first column in backticks, up to values, of which '...' and '=' tell."""
    rows = TEXT.split('## When something fails')[1].split('\n## ')[0]
    told = re.findall(r'^\| `([^`]*)` \|', rows, re.M)
    assert len(told) > 5
    code = '\n'.join(path.read_text() for path in (ROOT / 'mmocr_kd').rglob('*.py'))
    lines = re.sub(r"""['"]\s*\n\s*f?['"]""", '', code).split('\n')  # one line per string
    for message in told:
        fixed = [part.strip() for part in re.split(r"\.\.\.|='\w+'", message)]
        assert any(all(part in line for part in fixed) for line in lines), message
