"""Every test runs with the package's components registered, in MMOCR's scope."""
import logging

import cv2
import pytest
import torch
from hypothesis import settings
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

import mmocr_kd  # noqa: F401  (before any test imports MMOCR: it makes that possible)

torch.set_num_threads(1)
cv2.setNumThreads(0)
settings.register_profile('busy machine', deadline=None)
settings.load_profile('busy machine')


@pytest.fixture(autouse=True, scope='session')
def mmocr_scope():
    with DefaultScope.overwrite_default_scope('mmocr'):
        yield


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def log():
    """Warnings that MMEngine's logger gets."""
    lines, handler = [], logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
