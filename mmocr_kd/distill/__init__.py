"""The engine: teachers, recordings, schedules and the distillation step. Knows nothing of OCR."""
from .auto_weight import AutoWeight, build_weight
from .checkpoint import load_strictly, read_weights
from .comparison import Comparison, MaskDrawer, TensorComparison
from .digest import digest_of
from .distiller import Distiller, Term, merge_losses
from .errors import CheckpointError, InheritanceError, RecordingError, TeacherOutputError
from .finite import FiniteCheck
from .inherit import Inheritance, Initializer, inherit_weights, keeps_own_start
from .memory_format import to_channels_last
from .model_teacher import ModelTeacher, model_config
from .patch_init import sum_pool_patch
from .progress import Progress, training_hub, training_progress
from .recorder import Recorder, Source, SourceLike
from .renormalize import Normalization, Renormalize
from .schedule import Schedule
from .teacher import Teacher

__all__ = [
    'AutoWeight', 'CheckpointError', 'Comparison', 'Distiller', 'FiniteCheck', 'Inheritance',
    'InheritanceError', 'Initializer', 'MaskDrawer', 'ModelTeacher', 'Normalization', 'Progress',
    'Recorder', 'RecordingError', 'Renormalize', 'Schedule', 'Source', 'SourceLike', 'Teacher',
    'TeacherOutputError', 'TensorComparison', 'Term', 'build_weight', 'digest_of',
    'inherit_weights', 'keeps_own_start', 'load_strictly', 'merge_losses', 'model_config',
    'read_weights', 'sum_pool_patch', 'to_channels_last', 'training_hub', 'training_progress'
]
