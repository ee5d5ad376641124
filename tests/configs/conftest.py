"""Parse configs quickly."""
import functools

import pytest
from mmengine.config import config, utils


@pytest.fixture(scope='module', autouse=True)
def metafiles_are_read_once():
    """MMEngine reads all of MMOCR's metafiles for each ``mmocr::`` path it resolves."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((config, 'is_installed'), (config, 'get_installed_path'),
                             (utils, 'load')):
            patch.setattr(module, name, functools.cache(getattr(module, name)))
        yield
