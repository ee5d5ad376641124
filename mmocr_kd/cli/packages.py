"""Which packages are installed, beside what mmocr_kd asks for and what was tested with it."""
from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from ..version import __version__

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OK, ABSENT, WRONG, UNTRIED = 'ok', 'absent', 'wrong', 'not tried'
LITE = 'pip install "mmocr_kd[lite]"'
# Who stands in the place of whom: the maintained fork, and packages with the same module.
_IN_PLACE = {'mmengine': 'onedl-mmengine', 'mmdet': 'onedl-mmdetection', 'imgaug': 'imaug',
             'opencv-python': 'opencv-python-headless'}
_MMCV = ('mmcv', 'mmcv-lite', 'onedl-mmcv')
_OTHERS = {'test', 'docs', 'all', 'photos', 'lite'}  # of developers, of several, and mmcv's
_TESTED = Path(__file__).parents[1] / '.mim' / 'constraints.txt'


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: What.
        verdict: 'ok'; 'absent', which is no fault; 'wrong'; or 'not tried', as something that it
            needs is wrong.
        says: In a line.
        remedy: What to type.
    """

    name: str
    verdict: str
    says: str
    remedy: str = ''


def packages() -> Iterator[Finding]:
    """One finding for each package that is required, then for those that extras would bring.

    Raises:
        ImportError: If ``packaging`` is missing, which reads version ranges.
    """
    asked, extras = _asked()
    if installed('mmocr_kd') != __version__:
        yield Finding('mmocr_kd', ABSENT, f'{__version__} runs, and is not installed'
                      f'{" (but " + str(installed("mmocr_kd")) + ")" if asked else ""}',
                      'pip install .')
    always = [one for one in asked if one.marker is None or one.marker.evaluate({'extra': ''})]
    yield from map(_required, always)
    yield _mmcv()
    seen = {one.name for one in always}
    for extra in extras:
        for one in asked:
            if one.name not in seen and one.marker and one.marker.evaluate({'extra': extra}):
                seen.add(one.name)
                yield _wanted(one, extra)


def pinned(name: str) -> str:
    """What pip is told to install: the tested version, if it is known.

    Args:
        name: Of a package.
    """
    return f'{name}=={tested()[name]}' if name in tested() else name


def tested() -> dict[str, str]:
    """Package -> the version that was tested on this Python; empty without our file."""
    if not _TESTED.is_file():
        return {}
    from packaging.requirements import Requirement
    lines = [line for line in _TESTED.read_text().splitlines() if line and line[0] != '#']
    return {one.name: next(iter(one.specifier)).version for one in map(Requirement, lines)
            if one.marker is None or one.marker.evaluate()}


def installed(name: str) -> str | None:
    """Its version.

    Args:
        name: Of a package.
    """
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _asked() -> tuple[list[Requirement], list[str]]:
    """What the installed mmocr_kd requires, and its extras for users; nothing if it is not."""
    from packaging.requirements import Requirement
    try:
        about = metadata('mmocr_kd')
    except PackageNotFoundError:
        return [], []
    extras = [name for name in about.get_all('Provides-Extra') or [] if name not in _OTHERS]
    return [Requirement(line) for line in about.get_all('Requires-Dist') or []], extras


def _required(asked: Requirement) -> Finding:
    instead = _IN_PLACE.get(asked.name, '')
    if installed(asked.name) is None and instead and installed(instead):
        return Finding(asked.name, OK, f'{instead} {installed(instead)} in its place')
    return _judged(asked, WRONG, f'pip install "{asked.name}{asked.specifier}"')


def _wanted(asked: Requirement, extra: str) -> Finding:
    return _judged(asked, ABSENT, f'pip install "mmocr_kd[{extra}]"')


def _judged(asked: Requirement, missing: str, command: str) -> Finding:
    there = installed(asked.name)
    if there is None:
        return Finding(asked.name, missing, 'not installed', command)
    if not asked.specifier.contains(there, prereleases=True):
        return Finding(asked.name, WRONG, f'{there} is not {asked.specifier}', command)
    known = tested().get(asked.name)
    same = known == there.partition('+')[0]
    return Finding(asked.name, OK, there + (f' (tested: {known})' if known and not same else ''))


def _mmcv() -> Finding:
    """One of three, which all are the module ``mmcv``."""
    there = [f'{name} {installed(name)}' for name in _MMCV if installed(name)]
    if not there:
        return Finding('mmcv', WRONG, 'not installed', LITE)
    if len(there) > 1:
        return Finding('mmcv', WRONG, f'{" and ".join(there)} lie over each other',
                       f'pip uninstall -y {" ".join(_MMCV)} && {LITE}')
    return Finding('mmcv', OK, there[0])
