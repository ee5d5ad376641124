"""mmcv, or mmcv-lite with a stand-in for its compiled operators."""
from __future__ import annotations

from importlib.util import find_spec


def require_mmcv() -> None:
    """Make sure that ``import mmcv.ops`` works.

    mmcv-lite contains ``mmcv/ops/*.py`` but not the extension ``mmcv._ext`` they call. From here on
    :mod:`.ops` is found in its place, in an installed package from the start of Python on.

    Raises:
        ImportError: If neither mmcv nor mmcv-lite is installed.
    """
    if find_spec('mmcv') is None:
        raise ImportError('mmocr_kd needs mmcv: type pip install "mmocr_kd[lite]" (no compiler '
                          'needed), or install compiled mmcv 2.0 from OpenMMLab')
    import _mmocr_kd_startup  # noqa: F401
