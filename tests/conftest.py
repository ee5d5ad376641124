"""Every test runs with the package's components registered, in MMOCR's scope."""
import functools
import gc
import logging

import cv2
import pytest
import torch
from hypothesis import settings
from mmengine.config import config, utils
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope, init_default_scope

import mmocr_kd  # noqa: F401  (before any test imports MMOCR: it makes that possible)

torch.set_num_threads(1)
cv2.setNumThreads(0)
settings.register_profile('busy machine', deadline=None)
settings.load_profile('busy machine')


def pytest_collection_modifyitems(config, items):
    """Leave out what takes too long for every change, unless it is asked for: ``make nightly``."""
    if 'nightly' not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker('nightly')]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish():
    """MMEngine collects garbage at each data set, a second without this: modules are none."""
    gc.freeze()


@pytest.fixture(autouse=True, scope='session')
def mmocr_scope():
    with DefaultScope.overwrite_default_scope('mmocr'):
        yield


@pytest.fixture(scope='module')
def mmocr_scope_afterwards():
    """For tests of MMOCR's inferencers, which leave a default scope behind."""
    yield
    DefaultScope._instance_dict.clear()
    init_default_scope('mmocr')


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def nothing_trains_afterwards():
    """A training that failed leaves a hub behind that says it trains; the next test would go on."""
    yield
    for hub in MessageHub._instance_dict.values():
        hub.pop_info('loop_stage', None)


@pytest.fixture
def log():
    """Warnings that MMEngine's logger gets."""
    lines, handler = [], logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


@pytest.fixture(autouse=True, scope='session')
def configs_are_quick():
    """MMEngine reads all of MMOCR's metafiles for each ``mmocr::`` path, and formats what it dumps.

    yapf takes longer for that than small trainings take.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((config, 'is_installed'), (config, 'get_installed_path'),
                             (utils, 'load')):
            patch.setattr(module, name, functools.cache(getattr(module, name)))
        patch.setattr(config, 'FormatCode', lambda code, **_: (code, True))
        yield
