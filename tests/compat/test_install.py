import inspect
import pickle
import subprocess
import sys
import textwrap

import pytest
import torch
from mmcv.ops import DeformConv2dPack
from mmengine.hub import get_config
from mmengine.optim import DefaultOptimWrapperConstructor
from mmocr.registry import MODELS

from mmocr_kd import compat


def python(code, *args, cwd=None):
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code), *args],
                          capture_output=True, text=True, cwd=cwd, timeout=1800)


class TestMMCVExt:

    def test_everything_imports_in_a_fresh_process(self):
        done = python('import mmocr_kd, mmocr.models, mmdet.models, mmcv.ops; print("ok")')
        assert done.stdout.strip() == 'ok', done.stderr

    def test_compiled_extension_wins(self, tmp_path):
        """A package `mmcv` with a file `_ext.py` looks like compiled mmcv to the import system."""
        (tmp_path / 'mmcv').mkdir()
        (tmp_path / 'mmcv' / '__init__.py').touch()
        (tmp_path / 'mmcv' / '_ext.py').write_text('compiled = True')
        done = python("""
            import sys
            sys.path.insert(0, sys.argv[1])
            import _mmocr_kd_startup
            import mmcv._ext
            print(mmcv._ext.compiled)""", str(tmp_path))
        assert done.stdout.strip() == 'True', done.stderr

    def test_without_mmcv_the_error_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr('mmocr_kd.compat.mmcv.find_spec', lambda name: None)
        with pytest.raises(ImportError, match=r'pip install "mmocr_kd\[lite\]"'):
            compat.require_mmcv()

    def test_installing_again_changes_nothing(self):
        before, finders = sys.modules['mmcv._ext'], list(sys.meta_path)
        compat.install()
        assert sys.modules['mmcv._ext'] is before and sys.meta_path == finders

    @pytest.mark.usefixtures('stand_in')
    def test_stand_in_survives_inspection(self):
        from mmcv import _ext
        assert hasattr(_ext, 'any_op') and not hasattr(_ext, '__wrapped__')
        assert inspect.getmembers(_ext) and inspect.getmodule(_ext.any_op)
        assert pickle.loads(pickle.dumps(_ext.nms)) is _ext.nms

    def test_mmengine_knows_that_there_are_operators(self):
        """Without, it ignores ``dcn_offset_lr_mult``, the learning rate of offsets."""
        backbone = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), DeformConv2dPack(4, 4, 3))
        build = DefaultOptimWrapperConstructor(
            {'optimizer': {'type': 'SGD', 'lr': 1.}}, {'dcn_offset_lr_mult': .1})
        groups = build(backbone).optimizer.param_groups
        assert sorted(group['lr'] for group in groups) == [.1, .1, 1., 1., 1.]

    def test_dbnet_with_deformable_backbone_learns(self):
        cfg = get_config('mmocr::textdet/dbnet/dbnet_resnet50-dcnv2_fpnc_1200e_icdar2015.py').model
        cfg.backbone.update(init_cfg=None, depth=50)
        model = MODELS.build(cfg)
        model(torch.randn(1, 3, 64, 64)).mean().backward()
        gradients = [p.grad for name, p in model.named_parameters() if 'conv_offset' in name]
        assert gradients and all(torch.isfinite(g).all() for g in gradients)
