"""One random geometry for both images of a pair."""
from __future__ import annotations

from typing import Any, Sequence

from mmcv.transforms import BaseTransform, Compose
from mmocr.registry import TRANSFORMS

from .random_state import global_state, next_numbers, restore_global_state


@TRANSFORMS.register_module()
class PairedApply(BaseTransform):
    """Run transforms on ``img``, then with the same random numbers on ``hr_img``.

    For pairs that exist as two photos, such as TextZoom's; pairs made by ``SynthesizeLR`` are
    better changed before they are made. The transforms have to draw as many numbers whatever the
    image's size, which is checked, and what they draw has to be relative to the size: angles or
    shares of the width, as Affine, Rotate and RandomAffine do. torchvision's RandomPerspective
    draws pixels and moves the two images differently, which cannot be checked. What the transforms
    do to other keys is kept from the run on ``img``.

    Args:
        transforms: Config of a transform, or a list of them.

    Raises:
        RuntimeError: While running, if the two runs drew differently.
    """

    def __init__(self, transforms: dict[str, Any] | Sequence[dict[str, Any]]) -> None:
        configs = [transforms] if isinstance(transforms, dict) else list(transforms)
        self.transforms = Compose([TRANSFORMS.build(config) for config in configs])

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Change both images, or only ``img`` if there is no ``hr_img``.

        Returns:
            The results; None if a transform drops the sample.

        Raises:
            RuntimeError: If the transforms drew other numbers for the other image.
        """
        if 'hr_img' not in results:
            return self.transforms(results)
        other = {**results, 'img': results['hr_img'], 'img_shape': results['hr_img'].shape[:2]}
        before = global_state()
        changed = self.transforms({**results})
        after = next_numbers()
        restore_global_state(before)
        other = self.transforms(other)
        if next_numbers() != after:
            raise RuntimeError(f'{self.transforms} draws other random numbers for the large image '
                               'than for the small one: the pair would not match')
        if changed is None or other is None:
            return None
        return {**changed, 'hr_img': other['img'], 'hr_shape': other['img'].shape[:2]}
