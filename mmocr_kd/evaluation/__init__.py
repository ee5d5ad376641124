"""Evaluation, registered in MMOCR's registries."""
from .e2e_text_spotting_metric import E2ETextSpottingMetric
from .lexicon_corrector import LexiconCorrector
from .recog_metrics import CheckedCharMetric, CheckedWordMetric
from .resolution_stat_metric import ResolutionStatMetric
from .weighted_evaluator import WeightedMultiDatasetsEvaluator

__all__ = [
    'CheckedCharMetric', 'CheckedWordMetric', 'E2ETextSpottingMetric', 'LexiconCorrector',
    'ResolutionStatMetric', 'WeightedMultiDatasetsEvaluator'
]
