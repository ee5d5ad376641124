"""A picture of what students and teacher see in some images."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Sequence

import numpy as np

from .report import panels
from .viewer import TextMaps, Viewer

_INCHES, _DPI = 2.2, 110  # of a panel's side
_ROWS = 3  # of panels an image


def draw_sheet(path: str | Path, viewer: Viewer, plain: TextMaps, items: Iterable[dict[str, Any]],
               min_score: float = .5) -> None:
    """Draw images with what plain student, distilled student and teacher find in them.

    Three rows an image: boxes, probabilities of text, entropies, as :func:`.panels` has them.

    Args:
        path: Of the picture; its ending says which kind.
        viewer: Distilled student and teacher.
        plain: The same student without a teacher.
        items: The images, see :func:`.load_item`.
        min_score: Boxes that were found with a lower confidence are not drawn.

    Raises:
        ImportError: If there is no Matplotlib.
        OSError: If it cannot be written.
    """
    shown = [list(panels(viewer, plain, item, min_score)) for item in items]
    sheet_of(shown).savefig(path, dpi=_DPI)


def sheet_of(shown: Sequence[Sequence[tuple[str, np.ndarray]]]) -> Any:
    """The figure.

    Args:
        shown: Titles and pictures (BGR) of each image, as many of each and a multiple of three.

    Returns:
        A Matplotlib figure, with scales of both kinds of maps at its foot.
    """
    from matplotlib.figure import Figure  # not pyplot, which looks for a display
    columns = len(shown[0]) // _ROWS
    figure = Figure((columns * _INCHES, len(shown) * _ROWS * _INCHES + 1), layout='compressed')
    axes = figure.subplots(len(shown) * _ROWS, columns, squeeze=False)
    for place, (title, picture) in zip(axes.flat, (one for image in shown for one in image)):
        place.imshow(picture[..., ::-1])
        place.set_title(title, fontsize=7)
        place.set_axis_off()
    for name, colours, part in (('probability of text', 'viridis', axes[:, :columns // 2]),
                                ('entropy, bits', 'inferno', axes[:, columns // 2:])):
        figure.colorbar(_scale(colours), ax=part, location='bottom', aspect=40, pad=.01,
                        label=name)
    return figure


def _scale(colours: str) -> Any:
    from matplotlib.cm import ScalarMappable
    return ScalarMappable(cmap=colours)
