"""Rating all images of a config at all scales, into a file."""
from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS

from ..distill import digest_of, read_weights
from ..losses import check_scale_factors
from ..measure import ImageRating, RatingsFile
from .distillation import student_config
from .image_data import ImageData
from .scale_passes import shrinker_of
from .scale_rater import ScaleRater
from .student import build_loaded, initialise, student_checkpoint

SCALES = (.25, .375, .5, .75, 1.)
THRESHOLDS = (.3, .4, .5, .6, .7, .8)  # of the metrics
_LOOKED_AT = 16  # images, for a typical size


@dataclass
class Rating:
    """Ratings that are about to be made; a file that is open for them.

    Args:
        file: Where they go.
        rater: Rates an image.
        data: The images.
        paths: Those that are to be rated, those that are done among them.
    """

    file: RatingsFile
    rater: ScaleRater
    data: ImageData
    paths: Sequence[str]

    def run(self) -> Iterator[ImageRating]:
        """Rate each image that is not done.

        Yields:
            Its rating, once it is in the file.

        Raises:
            OSError: If an image cannot be read, or there is no room.
            ValueError: If an image has no annotations, or the model no sound predictions.
        """
        with self.file:
            todo = [path for path in self.paths if path not in self.file.done]
            for path, batch in zip(todo, self.data.batches(todo)):
                rating = self.rater(path, batch)
                self.file.write(rating)
                yield rating


def prepare_rating(cfg: Config, checkpoint: str | None, out: str | Path, split: str = 'val',
                   scales: Sequence[float] = SCALES, thresholds: Sequence[float] = THRESHOLDS,
                   protocol: str | None = None, limit: int | None = None,
                   device: str | None = None) -> Rating:
    """Build what ``mmocr-kd rate-scales`` needs; counts and times a pass for a new file.

    Args:
        cfg: Of a spotter or detector, or of DLD, whose student it is then.
        checkpoint: Its weights. None: the config's ``load_from``, or what the ``init_cfg`` of its
            parts name.
        out: File of ratings, new or begun by the same command.
        split: Which data; the training's are shown as the tests show theirs.
        scales: Which, in any order; full resolution is always among them.
        thresholds: Score thresholds to count at.
        protocol: 'e2e' or 'detection'; None: as the model can.
        limit: Of the images, the first so many; None: all.
        device: Where the model runs; by default on the GPU, if there is one.

    Raises:
        FileNotFoundError, CheckpointError: If there are no such weights, or they do not fit.
        ValueError: If an argument is impossible, or the file is of something else.
    """
    scales = check_scale_factors(sorted({*scales, 1.}))
    checkpoint = checkpoint or cfg.get('load_from')
    model, identity = _load(cfg, checkpoint)
    data = ImageData(cfg, split)
    shrink = shrinker_of(cfg.model)
    rater = ScaleRater(model.to(device or ('cuda' if torch.cuda.is_available() else 'cpu')),
                       shrink, scales, sorted({*thresholds}), protocol)
    described = json.dumps([identity, data.config, asdict(shrink)], default=str, sort_keys=True)
    wanted = {'config': str(cfg.filename), 'checkpoint': str(checkpoint or ''), 'split': split,
              'identity': digest_of(described.encode()), 'scales': list(scales),
              'thresholds': rater.thresholds, 'protocol': rater.protocol}
    paths = list(islice(data.paths, limit))
    file = RatingsFile(out, wanted, lambda: rater.measure(data.batches(paths[:_LOOKED_AT])))
    return Rating(file, rater, data, paths)


def _load(cfg: Config, checkpoint: str | None) -> tuple[Any, Any]:
    """The plain spotter or detector, and what makes it the one it is."""
    plain = student_config(cfg.model)
    if checkpoint is None:
        model = _initialised(cfg, plain)
    else:
        state = student_checkpoint({'state_dict': read_weights(checkpoint, cfg.filename)})
        model = build_loaded(cfg, plain, state['state_dict'], checkpoint)
    weights = {key: digest_of(value.float().numpy().tobytes())
               for key, value in model.state_dict().items()}
    return model.eval(), [plain, weights]


def _initialised(cfg: Config, plain: dict[str, Any]) -> Any:
    """A model whose parts start from checkpoints of their own."""
    if not _starts_trained(plain):
        raise ValueError(f'{cfg.filename} names no weights (load_from, or init_cfg of type '
                         'Pretrained, of all parts): give --checkpoint')
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    model: Any = MODELS.build(copy.deepcopy(plain))  # MMOCR's decoders write into theirs
    initialise(model)
    return model


def _starts_trained(part: Mapping[str, Any]) -> bool:
    """Whether all of a model comes from checkpoints: a backbone alone does not count."""
    if (part.get('init_cfg') or {}).get('type') == 'Pretrained':
        return True
    return 'recognizer' in part and all(_starts_trained(part[name])
                                        for name in ('detector', 'recognizer'))
