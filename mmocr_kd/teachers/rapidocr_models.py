"""Where the package ``rapidocr`` keeps PP-OCR's networks, and what they expect."""
from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml

INSTALL = "pip install 'mmocr_kd[rapidocr]'"


@dataclass(frozen=True)
class RapidOCRModel:
    """One network of the package.

    Args:
        path: Its file.
        mean: Of the pixels, on the 0..255 scale, BGR.
        std: Likewise.
    """

    path: Path
    mean: tuple[float, ...]
    std: tuple[float, ...]


def rapidocr_model(task: str) -> RapidOCRModel:
    """Find the network that the package itself would use.

    Nothing of the package is imported: its files are read.

    Args:
        task: 'det' or 'rec'.

    Raises:
        ImportError: If the package is not installed, or another version that has its networks
            elsewhere.
    """
    found = find_spec('rapidocr')
    if found is None or not found.submodule_search_locations:
        raise ImportError(f"model='rapidocr' needs the package of that name: {INSTALL}")
    root = Path(found.submodule_search_locations[0])
    try:
        config = yaml.safe_load((root / 'config.yaml').read_text(encoding='utf-8'))[task.title()]
        name = f'{config["ocr_version"]}_{task}_{config["model_type"]}.onnx'
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ImportError(f'{root} has no config.yaml that says which network is used '
                          f'({error!r}): {INSTALL}') from error
    if not (root / 'models' / name).is_file():
        raise ImportError(f'{root / "models"} has no {name}: {INSTALL}')
    # Words are scaled to -1..1 in its code, not by its config.
    mean, std = (config.get(key, (0.5, 0.5, 0.5)) for key in ('mean', 'std'))
    return RapidOCRModel(root / 'models' / name, *(tuple(255. * value for value in values)
                                                   for values in (mean, std)))
