"""What the guides say about MaskET is what the code does: files, links, examples, defaults."""
import inspect
import re
from pathlib import Path

import pytest
from config_zoo import CONFIGS, load, without_pretrained
from guides import broken_links, examples, expand, shown_defaults, true_defaults
from mmengine.config import Config
from mmengine.hub import get_config
from mmocr.registry import HOOKS, MODELS

import mmocr_kd

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / 'docs/masket.md'
README = ROOT / 'configs/textdet/masket/README.md'
METAFILE = README.with_name('metafile.yml')
EXAMPLES = examples(GUIDE)
DATA = '{icdar2013,icdar2015,td500,tdtr,totaltext,casia10k}'


@pytest.mark.parametrize('page', [GUIDE, README], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert not broken_links(page)


def test_readme_names_configs_that_exist():
    names = re.findall(r'`(dbnet_[\w\-{},<>]+\.py)`', README.read_text())
    assert len(names) == 7
    for pattern in names:
        for name in expand(pattern.replace('<data>', DATA)):
            stem = name.removesuffix('.py').replace('1200e_casia10k', '170e_casia10k')
            assert stem in CONFIGS


def test_metafile_lists_the_configs_of_the_zoo():
    listed = re.findall(r'^    Config: (.*)$', METAFILE.read_text(), re.M)
    assert all((ROOT / config).is_file() for config in listed)
    published = [name for name in CONFIGS if name.endswith(tuple(expand(f'_{DATA}')))]
    assert {Path(config).stem for config in listed} == set(published)
    assert re.findall(r'- Name: (dbnet.*)', METAFILE.read_text()) == [Path(c).stem for c in listed]


@pytest.mark.parametrize('example', EXAMPLES, ids=lambda text: text.split('\n')[0])
def test_examples_build(example):
    """Hooks and models alike; an example without bases is a fragment for the plain student."""
    cfg = Config.fromstring(example, '.py')
    if 'model' in cfg and '_base_' not in example:
        student = Config(load(CONFIGS['dbnet_mobilenetv3-large_fpnc_1200e_icdar2015']).to_dict())
        student.merge_from_dict(cfg.to_dict())
        cfg = student
    assert 'model' in cfg
    MODELS.build(without_pretrained(cfg.to_dict()['model']))
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)
        if 'teacher' not in hook:
            continue
        teacher = get_config(hook.teacher.config)
        assert hook.teacher.checkpoint.endswith(f'/epoch_{teacher.train_cfg.max_epochs}.pth')


@pytest.mark.parametrize('name', ['MaskETDistillHook', 'MaskETLoss', 'Schedule'])
def test_field_tables_show_the_true_defaults(name):
    assert shown_defaults(GUIDE, name) == true_defaults(getattr(mmocr_kd, name))


def test_baselines_table_lists_all_fields():
    rows = re.findall(r'^\| `(\w+Loss)` \|.*\| ((?:`\w+`,? ?)+)\|$', GUIDE.read_text(), re.M)
    assert [name for name, _ in rows] == ['BinaryKDLoss', 'CWDLoss', 'FitNetLoss']
    for name, fields in rows:
        wanted = inspect.signature(getattr(mmocr_kd, name)).parameters
        assert re.findall(r'\w+', fields.replace('`', '')) == list(wanted)
