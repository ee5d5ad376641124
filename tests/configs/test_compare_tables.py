"""The tables of configs/compare: each arm can be trained, and is comparable with its reference."""
import pytest
from config_zoo import ROOT, build, shallow
from guides import broken_links
from mmengine.registry import HOOKS
from mmocr.registry import DATASETS, MODELS

from mmocr_kd.adapters import build_terms
from mmocr_kd.apis.comparison import read_table
from mmocr_kd.apis.comparison.table import arm_config

FOLDER = ROOT / 'compare'
FILES = {path.stem: path for path in sorted(FOLDER.glob('*.py'))}
README = FOLDER / 'README.md'


@pytest.fixture(scope='module', params=FILES)
def table(request):
    return read_table(FILES[request.param])


@pytest.fixture(scope='module')
def cfgs(table):
    return {name: arm_config(arm) for name, arm in table.arms.items()}


def test_every_arm_builds(table, cfgs):
    assert len(cfgs) > 1
    for cfg in cfgs.values():
        _build_model(cfg)
        assert all(HOOKS.build(hook) for hook in cfg.get('custom_hooks', []))
        for part in _parts(cfg.train_dataloader.dataset):
            DATASETS.build({**part, 'lazy_init': True, 'pipeline': []})  # its fields are known


def _build_model(cfg):
    """The student is alike in many arms, and built once; terms are another's each."""
    if cfg.model.type != 'DBNetDistiller':
        return build(cfg) if cfg.model.type == 'DBNet' else MODELS.build(shallow(cfg.model))
    model = cfg.model.to_dict()
    teacher, terms = model.pop('teacher'), model.pop('terms')
    build(type(cfg)(dict(model={**model, 'type': 'DBNet'})))
    return build_terms(terms, teacher)


def test_arms_have_the_same_budget(table, cfgs):
    """And are judged alike; those that are paired see the same images, too."""
    reference = cfgs[table.reference]
    for name, cfg in cfgs.items():
        length = () if name.endswith('_longer') else ('train_cfg', 'param_scheduler')
        for part in (*length, 'optim_wrapper', 'val_dataloader', 'test_dataloader',
                     'val_evaluator', 'load_from'):
            assert cfg.get(part) == reference.get(part), (name, part)
        assert cfg.train_dataloader.batch_size == reference.train_dataloader.batch_size
        if table.arms[name].paired:
            assert cfg.train_dataloader == reference.train_dataloader, name


def test_mixed_batches_are_whole_and_epochs_as_long(cfgs):
    samplers = [(cfg.train_dataloader.sampler, cfg.train_dataloader.batch_size)
                for cfg in cfgs.values()]
    mixed = [(sum(sampler.ratios), sampler.get('groups'), size) for sampler, size in samplers
             if sampler.type == 'RatioSampler']
    assert all(size % group == 0 for group, _, size in mixed)
    assert len({group * groups for group, groups, _ in mixed if groups}) <= 1


def test_few_labels_are_few_and_the_others_are_without():
    """Of the 240 photos each is on one side; the test's are on none."""
    table = read_table(FILES['few-labels_td500-mini'])
    for name, arm in table.arms.items():
        parts = _parts(arm_config(arm).train_dataloader.dataset)
        labels = int(name.split('-')[1])
        first, *others = parts
        assert first['indices'] == labels and first['ann_file'] == 'textdet_train.json'
        rest = [part['indices'] for part in others if 'indices' in part]
        assert rest == ([labels - 240] if others and labels < 240 else [])
        kind = 'CheckedOCRDataset' if name.startswith(('pseudo', 'both')) else (
            'UnlabelledTextDetDataset')
        assert {part['type'] for part in others} <= {kind}


def test_readme_has_each_table_and_its_plan():
    text = README.read_text()
    assert not broken_links(README)
    named = text.replace('{large,small}', 'large') + text.replace('{large,small}', 'small')
    assert all(f'`{path.name}`' in named for path in FILES.values())
    for plan in (ROOT.parent / 'docs/evidence').glob('*.md'):
        assert not broken_links(plan)


def _parts(dataset):
    return dataset.get('datasets', [dataset])
