"""Counts of runs that never were."""
import numpy as np

from mmocr_kd.measure.counts import Counts


def counts_of_run(hits, preds, gts, groups=None):
    """A run's at one threshold, .5: numbers of an image each."""
    hits, preds, gts = (np.asarray(values).ravel() for values in (hits, preds, gts))
    return Counts(np.array([.5]), hits[:, None], preds[:, None], gts,
                  np.array([f'{image}.jpg' for image in range(len(gts))]), groups)


def random_table(gains, seeds, images=60, groups=None):
    """Arms of runs by seed; an arm finds more words by its gain, and has luck of .03."""
    generator = np.random.default_rng(0)
    gts, easy = generator.integers(1, 8, images), generator.normal(.55, .15, images)
    table = {}
    for arm, gain in gains.items():
        table[arm] = {}
        for seed in range(seeds):
            share = np.clip(easy + gain + generator.normal(0, .03), 0, 1)
            hits = generator.binomial(gts, share)
            table[arm][seed] = counts_of_run(hits, hits + generator.binomial(gts, .4), gts, groups)
    return table
