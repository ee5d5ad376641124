"""Comparisons of trainings, seed by seed: tables of arms, their runs, scores and pairing."""
from .comparison import Comparison, Ended
from .pairing import Unpaired
from .run import Run
from .scoring import count_images, score_run
from .table import Arm, Table, read_table

__all__ = ['Arm', 'Comparison', 'Ended', 'Run', 'Table', 'Unpaired', 'count_images',
           'read_table', 'score_run']
