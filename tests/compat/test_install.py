import inspect
import pkgutil
import subprocess
import sys
import textwrap

import pytest
import torch
from mmengine.hub import get_config
from mmengine.logging import HistoryBuffer, MessageHub
from mmocr.registry import MODELS

from mmocr_kd import compat
from mmocr_kd.compat.mmcv_ext import FallbackExt


def python(code, *args, cwd=None):
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code), *args],
                          capture_output=True, text=True, cwd=cwd, timeout=300)


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
            import sys, importlib.util
            sys.path.insert(0, sys.argv[1])
            spec = importlib.util.spec_from_file_location('ext', sys.argv[2])
            ext = importlib.util.module_from_spec(spec); spec.loader.exec_module(ext)
            assert ext.install_mmcv_ext() is False
            import mmcv._ext
            print(mmcv._ext.compiled)""", str(tmp_path), inspect.getfile(compat.mmcv_ext))
        assert done.stdout.strip() == 'True', done.stderr

    def test_without_mmcv_the_error_says_what_to_install(self, monkeypatch):
        monkeypatch.delitem(sys.modules, 'mmcv._ext')
        monkeypatch.setattr('mmocr_kd.compat.mmcv_ext.find_spec', lambda name: None)
        with pytest.raises(ImportError, match=r'pip install mmocr_kd\[lite\]'):
            compat.install_mmcv_ext()

    def test_installing_again_changes_nothing(self):
        before = sys.modules['mmcv._ext']
        compat.install()
        assert sys.modules['mmcv._ext'] is before

    def test_stand_in_survives_inspection(self):
        ext = FallbackExt()
        assert hasattr(ext, 'any_op') and not hasattr(ext, '__file__')
        assert inspect.getmembers(ext) and inspect.getmodule(ext.any_op)
        assert pkgutil.find_loader('mmcv._ext') is None  # does not raise

    def test_dbnet_with_deformable_backbone_learns(self):
        cfg = get_config('mmocr::textdet/dbnet/dbnet_resnet50-dcnv2_fpnc_1200e_icdar2015.py').model
        cfg.backbone.update(init_cfg=None, depth=50)
        model = MODELS.build(cfg)
        model(torch.randn(1, 3, 64, 64)).mean().backward()
        gradients = [p.grad for name, p in model.named_parameters() if 'conv_offset' in name]
        assert gradients and all(torch.isfinite(g).all() for g in gradients)


class TestCheckpoints:

    def test_what_mmengine_writes_comes_back(self, tmp_path):
        hub = MessageHub('compat')
        for value in (1., 2., 4.):
            hub.update_scalar('train/loss', value)
        torch.save({'message_hub': hub.state_dict()}, tmp_path / 'c.pth')
        loaded = torch.load(tmp_path / 'c.pth', weights_only=True)['message_hub']
        buffer = loaded['log_scalars']['train/loss']
        assert buffer.mean(3) == pytest.approx(7 / 3) and buffer.statistics('max') == 4

    @pytest.mark.parametrize('gadget', ['print', 'getattr(HistoryBuffer, "__init__")'])
    def test_anything_else_is_still_refused(self, tmp_path, gadget):
        class Hostile:
            def __reduce__(self):
                if gadget == 'print':
                    return print, ('owned', )
                return getattr, (HistoryBuffer, '__init__')

        torch.save({'x': Hostile()}, tmp_path / 'c.pth')
        with pytest.raises(Exception, match='never writes|Unsupported global'):
            torch.load(tmp_path / 'c.pth', weights_only=True)
