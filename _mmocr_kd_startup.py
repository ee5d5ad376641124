"""What every Python process of an environment with mmocr_kd does, also where nobody imports it.

Python imports this at start-up (``mmocr_kd.pth``, see setup.py), so it imports nothing by itself.
It lets configs that do not name mmocr_kd, inferencers and data workers that were spawned run on
mmcv-lite, resume on PyTorch 2.6 and later, and use the maintained fork of MMOCR's stack.
"""
import os
import sys

COMPAT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'mmocr_kd', 'compat')


class MMCVExtFinder:
    """Finds ``mmcv._ext`` where nothing else does: a compiled one, found earlier, wins."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """See :class:`importlib.abc.MetaPathFinder`; None for all other modules."""
        return _spec(name, 'ops', '__init__.py') if name == 'mmcv._ext' else None


class ResumeFinder:
    """Makes MMEngine's checkpoints loadable once their loader is imported, and goes away."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Finds nothing."""
        if name == 'mmengine.runner.checkpoint' and ResumeFinder in sys.meta_path:
            sys.meta_path.remove(ResumeFinder)
            _call('resume', 'allow_mmengine_checkpoints')


class MMOCRFinder:
    """Finds MMOCR, which refuses the versions of the fork, so that it does not."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """See :class:`importlib.abc.MetaPathFinder`; None for all other modules."""
        return _call('fork', 'find_mmocr') if name == 'mmocr' else None


def _call(file, function):
    """Call a function of a file of ``compat``."""
    spec = _spec(f'mmocr_kd_{file}', f'{file}.py')
    if spec is not None:
        from importlib.util import module_from_spec
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, function)()


def _spec(name, *path):
    """Of a module that is loaded without its package, which imports MMOCR."""
    file = os.path.join(COMPAT, *path)
    if os.path.exists(file):  # an uninstallation may be under way
        from importlib.util import spec_from_file_location
        return spec_from_file_location(name, file)  # a package, if it is an __init__.py


sys.meta_path.append(MMCVExtFinder)
sys.meta_path[:0] = [ResumeFinder, MMOCRFinder]
