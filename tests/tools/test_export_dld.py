"""What export_student.py makes of DLD: a plain spotter, or one that chooses its resolution."""
import export_student
import pytest
import tiny_dld
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import MODELS
from tiny_spotter import spotter_cfg

from mmocr_kd.apis import student_config
from mmocr_kd.models import DetRecTextSpotter, DLDTextSpotter

GONE = {'config': 'gone.py', 'checkpoint': 'gone.pth'}
SCALES = {'type': 'ResolutionStatMetric', 'scale_factors': tiny_dld.SCALES}
READING = {'type': 'E2ETextSpottingMetric', 'protocols': ['e2e'], 'lexicons': {'none': None}}
LOADER = {
    'batch_size': 1, 'num_workers': 0, 'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    'dataset': {
        'type': 'EmbeddedTextSpottingDataset', 'num_images': 2, 'split': 'test',
        'image_size': (96, 64), 'test_mode': True, 'pipeline': [
            {'type': 'LoadImageFromFile'}, {'type': 'Resize', 'scale': (96, 64)},
            {'type': 'LoadOCRAnnotations', 'with_polygon': True, 'with_bbox': True,
             'with_label': True, 'with_text': True},
            {'type': 'PackTextSpottingInputs',
             'meta_keys': ('img_path', 'ori_shape', 'img_shape', 'scale_factor')}]}}


@pytest.fixture
def trained(tmp_path):
    """Config and checkpoint of a DLD training whose teacher is gone."""
    model = tiny_dld.shake(tiny_dld.dld(GONE))
    torch.save({'meta': {'epoch': 1}, 'state_dict': model.state_dict(), 'optimizer': {'lr': 1}},
               tmp_path / 'epoch_1.pth')
    Config({
        'default_scope': 'mmocr', 'model': tiny_dld.dld_cfg(GONE), 'work_dir': str(tmp_path / 'w'),
        'custom_imports': {'imports': ['mmocr_kd'], 'allow_failed_imports': False},
        'custom_hooks': [{'type': 'GumbelTemperatureHook'}, {'type': 'SyncBuffersHook'}],
        'train_dataloader': LOADER, 'train_cfg': {'by_epoch': True, 'max_epochs': 1},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': .1}}, 'param_scheduler': [],
        'test_dataloader': LOADER, 'test_cfg': {'type': 'TestLoop'}, 'load_from': 'gone.pth',
        'test_evaluator': [READING, SCALES], 'log_level': 'ERROR',
    }).dump(str(tmp_path / 'dld.py'))
    return model.eval()


def export(tmp_path, *options):
    """Export the training's checkpoint; returns the written config and weights."""
    export_student.main([str(tmp_path / 'epoch_1.pth'), str(tmp_path / 'deep/out.pth'),
                         '--config', str(tmp_path / 'dld.py'), *options])
    saved = torch.load(tmp_path / 'deep/out.pth', weights_only=True)
    assert set(saved) == {'meta', 'state_dict'} and saved['meta'] == {
        'epoch': 1, 'written_by': 'export_student'}
    return Config.fromfile(tmp_path / 'deep/out.py'), saved['state_dict']


def loaded(cfg, weights):
    model = MODELS.build(cfg.model)
    model.load_state_dict(weights)
    return model.eval()


def run(tmp_path, cfg):
    """What a test run of an exported config says."""
    cfg.load_from = str(tmp_path / 'deep/out.pth')
    cfg.experiment_name = tmp_path.name
    return Runner.from_cfg(cfg).test()


@torch.no_grad()
def spotted(model):
    """Texts, scores and scale of each page, without padding from its neighbours."""
    found = [model.predict(*tiny_dld.prepared(model, page))[0] for page in tiny_dld.pages()]
    return [(one.pred_instances.texts, one.pred_instances.scores.tolist(), one.get('dld_scale'))
            for one in found]


def test_plain_student(trained, tmp_path, capsys):
    cfg, weights = export(tmp_path)
    said = capsys.readouterr().out
    assert f'kept {len(weights)} tensors' in said and 'out.py: tests it, needs no teacher' in said
    assert not any(key.startswith(('selector.', 'student.', 'losses.')) for key in weights)
    plain = loaded(cfg, weights)
    assert type(plain) is DetRecTextSpotter
    trained._chooser.test_scale = 1.
    wanted = [(texts, scores, None) for texts, scores, _ in spotted(trained)]
    assert spotted(plain) == wanted and any(texts for texts, _, _ in wanted)
    assert [metric.type for metric in cfg.test_evaluator] == ['E2ETextSpottingMetric']
    scores = run(tmp_path, cfg)
    assert scores and not any(name.startswith('resolution/') for name in scores)


def test_student_with_selector(trained, tmp_path):
    cfg, weights = export(tmp_path, '--with-selector')
    assert set(weights) == set(trained.state_dict())
    assert not {'teacher', 'losses', 'init_student_from_teacher'} & set(cfg.model)
    assert 'gone' not in cfg.pretty_text
    deployed = loaded(cfg, weights)
    assert type(deployed) is DLDTextSpotter and spotted(deployed) == spotted(trained)
    assert 'resolution/mean_scale' in run(tmp_path, cfg)


@pytest.mark.parametrize('options', [(), ('--with-selector', )])
def test_nothing_of_the_training_stays_in_the_config(trained, tmp_path, options):
    cfg, _ = export(tmp_path, *options, '--cfg-options', 'test_dataloader.batch_size=2')
    assert not {'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler',
                'load_from'} & set(cfg)
    assert [hook.type for hook in cfg.custom_hooks] == ['SyncBuffersHook']
    assert cfg.test_dataloader.batch_size == 2


def test_without_a_config_only_the_weights_are_stripped(trained, tmp_path):
    export_student.main([str(tmp_path / 'epoch_1.pth'), str(tmp_path / 'out.pth')])
    plain = MODELS.build(student_config(tiny_dld.dld_cfg(GONE)))
    plain.load_state_dict(torch.load(tmp_path / 'out.pth')['state_dict'])
    assert not (tmp_path / 'out.py').exists()


def test_bad_combinations_are_named_and_nothing_is_written(trained, tmp_path, capsys):
    fixed = tiny_dld.dld_cfg(selector=False, scale_factors=[.5])
    Config({'model': fixed}).dump(str(tmp_path / 'fixed.py'))
    torch.save({'state_dict': MODELS.build(fixed).state_dict()}, tmp_path / 'fixed.pth')
    Config({'model': spotter_cfg(width=1 / 8)}).dump(str(tmp_path / 'wide.py'))
    for checkpoint, options, words in [
        ('fixed.pth', ['--with-selector'], 'fixed.pth has no selector: drop --with-selector'),
        ('epoch_1.pth', ['--with-selector', '--config', 'fixed.py'], 'selector=None: there is no'),
        ('epoch_1.pth', ['--config', 'wide.py'], 'epoch_1.pth does not fit .*wide.py'),
        ('epoch_1.pth', ['--config', 'none.py'], 'none.py'),
    ]:
        options = [str(tmp_path / word) if word.endswith('.py') else word for word in options]
        with pytest.raises(SystemExit, match=words):
            export_student.main([str(tmp_path / checkpoint), str(tmp_path / 'out.pth'), *options])
    for arguments, words in [(['out.py'], 'OUT is the checkpoint'),
                             (['out.pth', '--cfg-options', 'a=1'], '--cfg-options needs')]:
        with pytest.raises(SystemExit):
            export_student.main(['epoch_1.pth', *arguments])
        assert words in capsys.readouterr().err
    assert not (tmp_path / 'out.pth').exists() and not (tmp_path / 'out.py').exists()
