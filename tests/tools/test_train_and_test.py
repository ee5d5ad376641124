"""train.py and test.py: what they make of command line and config. Real runs: test_mim.py."""
import importlib.util
from pathlib import Path

import pytest
import runner_cli
from mmengine.config import Config

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
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


def load(name):
    # By path: the standard library has a package "test".
    spec = importlib.util.spec_from_file_location(f'tool_{name}', TOOLS / f'{name}.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a tool up to where it has a Runner; returns the Runner's config and what it ran."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('LOCAL_RANK', '')  # so that it is put back afterwards
    monkeypatch.delenv('LOCAL_RANK')

    def run(name, *args, config=CONFIG):
        (tmp_path / 'some_config.py').write_text(config)
        (tmp_path / 'folder').mkdir(exist_ok=True)
        for weights in ('some.pth', 'folder/some.pth'):
            (tmp_path / weights).touch()
        tool, ran = load(name), []

        class Runner:
            def __init__(self, cfg):
                self.cfg = cfg

            def train(self):
                ran.append((self.cfg, 'train'))

            def test(self):
                ran.append((self.cfg, 'test'))

        monkeypatch.setattr(tool, 'build_runner', Runner)
        monkeypatch.setattr('sys.argv', [name, 'some_config.py', *args])
        tool.main()
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
        assert runner_cli.os.environ['LOCAL_RANK'] == '1'

    def test_the_launchers_rank_wins(self, run, monkeypatch):
        monkeypatch.setenv('LOCAL_RANK', '3')
        run('train', '--local_rank', '1')
        assert runner_cli.os.environ['LOCAL_RANK'] == '3'

    def test_the_configs_own_work_dir_and_resume_count(self, run):
        cfg, _ = run('train', config=CONFIG + "work_dir = 'mine'\nresume = True\n")
        assert cfg.work_dir == 'mine' and cfg.resume is True

    @pytest.mark.parametrize('option, needed', [('--amp', 'OptimWrapper'),
                                                ('--auto-scale-lr', 'base_batch_size')])
    def test_options_that_do_not_fit_the_config(self, run, option, needed):
        with pytest.raises(SystemExit, match=needed):
            run('train', option, config=BARE)


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
        with pytest.raises(SystemExit, match=needed):
            run('test', 'some.pth', option, config=BARE)

    def test_show_excludes_show_dir(self, run):
        with pytest.raises(SystemExit):
            run('test', 'some.pth', '--show', '--show-dir', 'pictures')
