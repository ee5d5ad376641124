"""``mmocr-kd train``, ``test``: command line and config. Real runs: test_mim.py."""
import os

import pytest
from click.testing import CliRunner
from mmengine.config import Config

from mmocr_kd.apis import runs
from mmocr_kd.cli import main

CONFIG = """
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
auto_scale_lr = dict(base_batch_size=16)
model = dict(type='Plain')
tta_model = dict(type='Averaged')
tta_pipeline = ['augmented']
test_dataloader = dict(dataset=dict(pipeline=['plain']))
test_evaluator = dict(type='HmeanIOUMetric')
default_hooks = dict(visualization=dict(type='VisualizationHook', enable=False))
visualizer = dict(type='TextDetLocalVisualizer', vis_backends=[])
"""
BARE = "optim_wrapper = dict(type='Own')\ntest_evaluator = []\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a verb up to where it has a Runner; returns the Runner's config and what it ran."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('LOCAL_RANK', '')  # so that it is put back afterwards
    monkeypatch.delenv('LOCAL_RANK')

    def run(name, *args, config=CONFIG, fails=False):
        (tmp_path / 'some_config.py').write_text(config)
        (tmp_path / 'folder').mkdir(exist_ok=True)
        for weights in ('some.pth', 'folder/some.pth'):
            (tmp_path / weights).touch()
        ran = []
        monkeypatch.setattr(runs, '_run', lambda *called: ran.append(called))
        shown = CliRunner().invoke(main, [name, 'some_config.py', *args])
        if fails:
            return shown.exit_code, shown.stderr
        assert shown.exit_code == 0, shown.output
        return ran[0]

    return run


class TestTrain:

    def test_defaults(self, run):
        cfg, ran = run('train')
        assert ran == 'train' and cfg.work_dir == 'work_dirs/some_config'
        assert cfg.launcher == 'none' and cfg.resume is False
        assert cfg.optim_wrapper == Config.fromfile('some_config.py').optim_wrapper

    def test_options(self, run, monkeypatch):
        cfg, _ = run('train', '--work-dir', 'here', '--resume', '--amp', '--auto-scale-lr',
                     '--local-rank', '1', '--launcher', 'pytorch', '--cfg-options',
                     'optim_wrapper.optimizer.lr=0.5', 'tta_pipeline=[1,2]')
        assert cfg.work_dir == 'here' and cfg.resume and cfg.launcher == 'pytorch'
        assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
        assert cfg.optim_wrapper.loss_scale == 'dynamic' and cfg.auto_scale_lr.enable
        assert cfg.optim_wrapper.optimizer.lr == .5 and cfg.tta_pipeline == [1, 2]
        assert os.environ['LOCAL_RANK'] == '1'

    def test_the_launchers_rank_wins(self, run, monkeypatch):
        monkeypatch.setenv('LOCAL_RANK', '3')
        run('train', '--local_rank', '1')
        assert os.environ['LOCAL_RANK'] == '3'

    def test_the_configs_own_work_dir_and_resume_count(self, run):
        cfg, _ = run('train', config=CONFIG + "work_dir = 'mine'\nresume = True\n")
        assert cfg.work_dir == 'mine' and cfg.resume is True

    @pytest.mark.parametrize('option, needed', [('--amp', 'OptimWrapper'),
                                                ('--auto-scale-lr', 'base_batch_size')])
    def test_options_that_do_not_fit_the_config(self, run, option, needed):
        code, said = run('train', option, config=BARE, fails=True)
        assert code == 1 and needed in said


class TestTest:

    def test_defaults(self, run):
        cfg, ran = run('test', 'some.pth')
        assert ran == 'test' and cfg.load_from == 'some.pth'
        assert not cfg.default_hooks.visualization.enable
        assert cfg.model.type == 'Plain' and cfg.test_evaluator.type == 'HmeanIOUMetric'

    def test_show_dir(self, run):
        cfg, _ = run('test', 'some.pth', '--show-dir', 'pictures')
        hook = cfg.default_hooks.visualization
        assert hook.enable and hook.draw_gt and hook.draw_pred and not hook.show
        assert cfg.visualizer.save_dir == 'pictures'
        assert cfg.visualizer.vis_backends[0].type == 'LocalVisBackend'

    def test_show(self, run):
        cfg, _ = run('test', 'some.pth', '--show', '--wait-time', '.5')
        assert cfg.default_hooks.visualization.show
        assert cfg.default_hooks.visualization.wait_time == .5

    def test_save_preds_adds_to_the_metrics(self, run):
        cfg, _ = run('test', 'folder/some.pth', '--save-preds', '--work-dir', 'here')
        metric, dump = cfg.test_evaluator
        assert metric.type == 'HmeanIOUMetric' and dump.type == 'DumpResults'
        assert dump.out_file_path == 'here/some.pth_predictions.pkl'

    def test_tta_wraps_the_model(self, run):
        cfg, _ = run('test', 'some.pth', '--tta')
        assert cfg.model.type == 'Averaged' and cfg.model.module.type == 'Plain'
        assert cfg.test_dataloader.dataset.pipeline == ['augmented']

    @pytest.mark.parametrize('option, needed', [('--show', 'visualization'),
                                                ('--tta', 'tta_model')])
    def test_options_that_do_not_fit_the_config(self, run, option, needed):
        code, said = run('test', 'some.pth', option, config=BARE, fails=True)
        assert code == 1 and needed in said

    def test_show_excludes_show_dir(self, run):
        assert run('test', 'some.pth', '--show', '--show-dir', 'pictures', fails=True)[0] == 2


def test_options_of_the_config_are_taken_in_both_ways(run):
    """MMOCR's: many after one name; click's: the name again."""
    cfg, _ = run('test', '--cfg-options', 'tta_pipeline=[1,2]', 'model.x=3', '--cfg-options',
                 'model.y=a', '--work-dir', 'here', 'some.pth')
    assert cfg.tta_pipeline == [1, 2] and (cfg.model.x, cfg.model.y) == (3, 'a')
    assert cfg.work_dir == 'here' and cfg.load_from == 'some.pth'


@pytest.mark.parametrize('name', ['train', 'test'])
def test_openmim_asks_the_script_for_help(name):
    shown = CliRunner().invoke(main.commands[name], ['-h'], prog_name=f'{name}.py')
    assert shown.exit_code == 0 and '--cfg-options' in shown.output


def test_missing_files_are_told_before_anything_is_built(run):
    code, said = run('test', 'gone.pth', fails=True)
    assert code == 1 and "load_from: 'gone.pth' does not exist" in said


def test_the_log_keeps_the_traceback_of_a_run(log, monkeypatch):
    class Runner:
        def train(self):
            return {}['step 7']

    monkeypatch.setattr(runs.Runner, 'from_cfg', lambda cfg: Runner())
    with pytest.raises(KeyError):
        runs._run(Config(), 'train')
    assert "return {}['step 7']" in log[0]
