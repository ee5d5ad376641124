"""Images with made-up words and readings, as metrics get them."""
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.structures import TextSpottingDataSample

TEXTS = ['HOTEL', 'Motel', "Joe's", 'no', '24h', '"Bar!"', '###', '']


def box(x, y, width=20, height=10):
    return np.array([x, y, x + width, y, x + width, y + height, x, y + height], dtype=np.float32)


def scene(targets, predictions, image='img_1.jpg'):
    """Targets are (polygon, text[, ignored]); predictions (polygon, text[, score[, chars]])."""
    sample = TextSpottingDataSample(metainfo={'img_path': f'test/{image}'})
    sample.gt_instances = InstanceData(
        polygons=[target[0] for target in targets], texts=[target[1] for target in targets],
        ignored=torch.tensor([len(target) > 2 and target[2] for target in targets],
                             dtype=torch.bool))
    sample.pred_instances = InstanceData(
        polygons=[prediction[0] for prediction in predictions],
        texts=[prediction[1] for prediction in predictions],
        scores=torch.tensor([prediction[2] if len(prediction) > 2 else .9
                             for prediction in predictions], dtype=torch.float32))
    if predictions and len(predictions[0]) > 3:
        sample.pred_instances.char_scores = [prediction[3] for prediction in predictions]
    return sample


def random_scene(seed, texts=TEXTS):
    """Up to eight words, most of them found, some twice, some wrongly read."""
    rng = np.random.default_rng(seed)
    targets = [(box(*rng.integers(0, 60, 2)) + rng.normal(0, 1, 8).astype(np.float32),
                str(rng.choice(texts)), bool(rng.random() < .2)) for _ in range(rng.integers(0, 9))]
    predictions = [(polygon + rng.normal(0, 2, 8).astype(np.float32),
                    text.lower() if rng.random() < .6 else str(rng.choice(texts)),
                    float(rng.choice([.1, .3, .45, .5, .8, 1])))
                   for polygon, text, _ in targets for _ in range(rng.integers(0, 3))]
    rng.shuffle(predictions)
    predictions += [(box(*rng.integers(0, 60, 2)), 'HOTEL', .6)]
    return scene(targets, predictions)
