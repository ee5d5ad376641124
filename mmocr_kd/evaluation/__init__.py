"""Evaluation, registered in MMOCR's registries."""
from .weighted_evaluator import WeightedMultiDatasetsEvaluator

__all__ = ['WeightedMultiDatasetsEvaluator']
