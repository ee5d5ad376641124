"""What works: each check is a function that tries one thing, in the order of what needs what."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from .packages import ABSENT, LITE, OK, UNTRIED, WRONG, Finding, installed, pinned
from .verb import load_package


class Absent(Exception):
    """Something is not there, and need not be.

    Args:
        says: What.
        remedy: What to type, if not the remedy of the check.
    """

    def __init__(self, says: str, remedy: str = '') -> None:
        super().__init__(says)
        self.remedy = remedy


@dataclass(frozen=True)
class Check:
    """A function that says what it found, or raises.

    Args:
        name: What it looks at.
        run: Returns a line, or raises :class:`Absent` or any other exception.
        needs: Names of checks without which this one is not tried.
        remedy: Returns what to type where it fails; '' leaves that to the error.
    """

    name: str
    run: Callable[[], str]
    needs: Sequence[str]
    remedy: Callable[[], str]

    def finding(self, failed: set[str]) -> Finding:
        """Try it.

        Args:
            failed: Names of the checks that failed before.
        """
        missing = [name for name in self.needs if name in failed]
        if missing:
            return Finding(self.name, UNTRIED, f'needs {missing[0]}')
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # libraries talk
                return Finding(self.name, OK, self.run())
        except Absent as error:
            return Finding(self.name, ABSENT, str(error), error.remedy or self.remedy())
        except Exception as error:  # whatever a broken package raises
            return Finding(self.name, WRONG, _line(error), self.remedy())


CHECKS: list[Check] = []


def check(name: str, needs: Sequence[str] = (), remedy: Callable[[], str] = str) -> Any:
    """Add the decorated function to the checks."""
    def add(run: Callable[[], str]) -> Callable[[], str]:
        CHECKS.append(Check(name, run, needs, remedy))
        return run

    return add


def works() -> Iterator[Finding]:
    """Try everything, one after the other."""
    failed: set[str] = set()
    for one in CHECKS:
        found = one.finding(failed)
        if found.verdict in (WRONG, UNTRIED):
            failed.add(one.name)
        yield found


def _line(error: Exception) -> str:
    return ' '.join(f'{type(error).__name__}: {error}'.split())


def _again(*names: str) -> str:
    """Install them; where they are, without what they require, which may be fine."""
    flags = '--force-reinstall --no-deps ' if all(map(installed, names)) else ''
    return f'pip install {flags}{" ".join(map(pinned, names))}'


@check('NumPy', remedy=partial(_again, 'numpy'))
def numpy() -> str:
    """Its compiled part."""
    import numpy as np
    np.linalg.inv(np.eye(2))
    return np.__version__


@check('PyTorch', ['NumPy'], partial(_again, 'torch', 'torchvision'))
def torch() -> str:
    """A product, and arrays of NumPy, which a PyTorch built for another NumPy refuses."""
    import numpy as np
    import torch
    assert torch.from_numpy(np.ones((2, 2), np.float32)).mm(torch.ones(2, 2)).sum() == 8
    return f'{torch.__version__}, {torch.get_num_threads()} threads'


@check('GPU', ['PyTorch'])
def gpu() -> str:
    """What CUDA shows."""
    import torch
    if not torch.cuda.is_available():
        unfit = ', though there is nvidia-smi: its driver and this PyTorch do not fit'
        raise Absent('none is seen' + (unfit if shutil.which('nvidia-smi') else ''))
    assert torch.ones(2, device='cuda').sum().item() == 2
    return ', '.join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))


def _matching_torchvision() -> str:
    """Their versions have gone together since PyTorch 2.0 and torchvision 0.15."""
    minor = int((installed('torch') or '2.0').split('.')[1])
    return f'pip install --force-reinstall --no-deps "torchvision==0.{minor + 15}.*"'


@check('torchvision', ['PyTorch'], _matching_torchvision)
def torchvision() -> str:
    """Its compiled operators, on which those of mmcv-lite rest."""
    import torch
    import torchvision
    from torchvision.ops import deform_conv2d, nms
    box = torch.tensor([[0., 0, 4, 4]])
    assert nms(box.repeat(2, 1), torch.tensor([.5, .9]), .5).tolist() == [1]
    deform_conv2d(torch.ones(1, 1, 4, 4), torch.zeros(1, 18, 4, 4), torch.ones(1, 1, 3, 3),
                  padding=1)
    return f'{torchvision.__version__}, with NMS and deformable convolution'


_OPENCVS = 'opencv-python', 'opencv-python-headless'


def _headless() -> str:
    known = installed(_OPENCVS[0])
    return ('pip install --force-reinstall --no-deps opencv-python-headless'
            + (f'=={known}' if known else ''))


@check('OpenCV', ['NumPy'], _headless)
def opencv() -> str:
    """Loads, without libGL, too; and not two versions over each other."""
    import cv2
    import numpy as np
    there = {found for found in map(installed, _OPENCVS) if found}
    if len(there) > 1:
        raise ImportError(f'two versions lie over each other: {" and ".join(sorted(there))}')
    assert cv2.imdecode(cv2.imencode('.png', np.zeros((4, 4), np.uint8))[1], 0).shape == (4, 4)
    return str(cv2.__version__)


@check('imgaug', ['NumPy', 'OpenCV'], lambda: 'pip install --force-reinstall --no-deps imaug')
def imgaug() -> str:
    """MMOCR imports it; imaug is the same module, for NumPy 2."""
    import imgaug
    return str(imgaug.__version__)


@check('MMEngine', ['PyTorch', 'OpenCV'], partial(_again, 'mmengine'))
def mmengine() -> str:
    """The runner."""
    import mmengine.runner
    return str(mmengine.__version__)


def _other_mmcv() -> str:
    return f'pip uninstall -y mmcv && {LITE}' if installed('mmcv') else LITE


@check('mmcv', ['MMEngine', 'torchvision'], _other_mmcv)
def mmcv() -> str:
    """Its operators, compiled or ours."""
    import mmcv
    import mmcv.ops
    import torch

    import _mmocr_kd_startup  # noqa: F401  (finds ours)
    ours = sys.modules['mmcv._ext'].__file__ == os.path.join(
        _mmocr_kd_startup.COMPAT, 'ops', '__init__.py')
    box = torch.tensor([[0., 0, 4, 4], [0, 0, 4, 4]])
    assert len(mmcv.ops.nms(box, torch.tensor([.5, .9]), .5)[1]) == 1
    return f'{mmcv.__version__}, {"operators through torchvision" if ours else "compiled"}'


@check('MMDetection', ['mmcv'], partial(_again, 'mmdet'))
def mmdet() -> str:
    """The models."""
    import mmdet.models
    return str(mmdet.__version__)


@check('MMOCR', ['MMDetection', 'imgaug'], partial(_again, 'mmocr'))
def mmocr() -> str:
    """The models; it refuses versions of the others that it does not know."""
    import mmocr.models

    import _mmocr_kd_startup  # noqa: F401  (shows it acceptable versions of the fork)
    return str(mmocr.__version__)


@check('mmocr_kd', ['MMOCR'], lambda: 'pip install --force-reinstall --no-deps mmocr_kd')
def ours() -> str:
    """All our components."""
    load_package()
    import mmocr_kd
    return f'{mmocr_kd.__version__} in {Path(mmocr_kd.__file__).parent}'


@check('start-up file', remedy=lambda: 'pip install mmocr_kd')
def startup() -> str:
    """Whether every Python of the environment finds the operators, and resumes."""
    code = 'import sys; print("_mmocr_kd_startup" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    if done.stdout.strip() != 'True':
        raise Absent('not in place: configs and workers have to import mmocr_kd themselves')
    return 'in place'


@check('a text detector', ['mmocr_kd'])
def detector() -> str:
    """DBNet with deformable convolutions, on noise: from an image to polygons."""
    import torch
    from mmengine.registry import DefaultScope
    from mmocr.registry import MODELS
    from mmocr.structures import TextDetDataSample
    with DefaultScope.overwrite_default_scope('mmocr'):
        model = MODELS.build(_DBNET).eval()
        sample = TextDetDataSample(metainfo=dict(ori_shape=(64, 96), img_shape=(64, 96),
                                                 scale_factor=(1., 1.), batch_input_shape=(64, 96)))
        with torch.no_grad():
            found = model(torch.randn(1, 3, 64, 96), [sample], mode='predict')
    return f'DBNet ran: {len(found[0].pred_instances.polygons)} polygons in noise'


_DBNET = dict(
    type='DBNet',
    backbone=dict(type='mmdet.ResNet', depth=50, base_channels=4, style='pytorch',
                  dcn=dict(type='DCNv2', deform_groups=1, fallback_on_stride=False),
                  stage_with_dcn=(False, False, True, True)),
    neck=dict(type='FPNC', in_channels=[16, 32, 64, 128], lateral_channels=4, out_channels=4),
    det_head=dict(type='DBHead', in_channels=16, module_loss=dict(type='DBModuleLoss'),
                  postprocessor=dict(type='DBPostprocessor')))


@check('resuming', ['mmocr_kd'])
def resuming() -> str:
    """MMEngine reads what it writes; PyTorch from 2.6 on would refuse it."""
    import torch
    from mmengine.logging import HistoryBuffer
    from mmengine.runner import CheckpointLoader
    with tempfile.TemporaryDirectory() as folder:
        torch.save({'message_hub': {'loss': HistoryBuffer([1.], [1])}}, f'{folder}/x.pth')
        CheckpointLoader.load_checkpoint(f'{folder}/x.pth', map_location='cpu')
    return 'checkpoints of trainings load'


@check('configs', ['mmocr_kd'], lambda: 'pip install "setuptools<81"')
def configs() -> str:
    """MMOCR's by name, and ours, which come with an installation."""
    from mmengine.hub import get_config
    get_config('mmocr::textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py')
    folder = Path(__file__).parents[1] / '.mim' / 'configs'
    if not folder.exists():
        raise Absent('"mmocr::..." is found; ours only by path, as mmocr_kd is not installed')
    return f'"mmocr::..." and ours ({sum(1 for _ in folder.rglob("*.py"))} files) are found'


@check('mim', ['configs'], lambda: 'pip install "mmocr_kd[mim]"')
def mim() -> str:
    """The command, and whether it finds mmocr_kd."""
    if installed('openmim') is None:
        raise Absent('not installed; "mmocr-kd train" and "mmocr-kd test" do without')
    from mim.utils import get_installed_path
    if not Path(get_installed_path('mmocr_kd'), '.mim', 'configs').exists():
        raise Absent('finds no editable installation; paths of configs work', 'pip install .')
    return 'finds mmocr_kd and its configs'


@check('teacher that comes along', ['mmocr_kd'])
def shipped() -> str:
    """The weights in the package."""
    from mmocr_kd.distill.shipped import load_from_mmocr_kd, shipped
    name = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'
    load_from_mmocr_kd(name, 'cpu')
    return f'{name}, {shipped(name).stat().st_size / 1e6:.1f} MB'


@check('rendered text', ['mmocr_kd'], lambda: 'pip install "mmocr_kd[embedded]"')
def rendered() -> str:
    """Fonts and photos out of other packages."""
    if not all(map(installed, ('matplotlib', 'scikit-image'))):
        raise Absent('fonts and photos are in matplotlib and scikit-image')
    from mmocr_kd.datasets.embedded import EmbeddedTextDetDataset
    EmbeddedTextDetDataset(num_images=1, pipeline=[])[0]
    return 'the embedded data set renders'


@check('PP-OCR as teacher', ['mmocr_kd'], lambda: 'pip install "mmocr_kd[rapidocr]"')
def rapidocr() -> str:
    """ONNX Runtime opens its detector."""
    if not all(map(installed, ('rapidocr', 'onnxruntime'))):
        raise Absent('rapidocr and onnxruntime are not installed')
    from onnxruntime import InferenceSession

    from mmocr_kd.teachers.rapidocr_models import rapidocr_model
    path = rapidocr_model('det').path
    InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return path.name


@check('disk', remedy=lambda: 'cd FOLDER_WITH_SPACE')
def disk() -> str:
    """Where trainings would write."""
    with tempfile.TemporaryFile(dir='.'):
        free = shutil.disk_usage('.').free / 1e9
    if free < 1:
        raise OSError(f'{free:.2f} GB are free in {Path.cwd()}: a training may need more')
    return f'{free:.0f} GB are free in {Path.cwd()}'
