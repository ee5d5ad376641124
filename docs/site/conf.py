"""Of Sphinx: ``make docs`` builds the site into ``build/site``, and fails on a broken link."""
import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import mmocr_kd  # noqa: E402  (after the path is known)

project, version = 'mmocr_kd', mmocr_kd.__version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx_copybutton']
html_theme = 'furo'
html_title = f'mmocr_kd {version}'
html_theme_options = {'navigation_with_keys': True}
myst_heading_anchors = 4  # the anchors that GitHub has
autodoc_typehints = 'none'  # docstrings say more
napoleon_use_param = napoleon_use_rtype = False
suppress_warnings = ['config.cache']
logging.getLogger('mmengine').setLevel('ERROR')
