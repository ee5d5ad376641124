"""The engine: teachers, recordings, schedules and the distillation step. Knows nothing of OCR."""
from .distiller import Distiller, MaskDrawer, Term, merge_losses
from .errors import InheritanceError, RecordingError, TeacherCheckpointError, TeacherOutputError
from .finite import FiniteCheck
from .inherit import Inheritance, Initializer, inherit_weights
from .model_teacher import ModelTeacher, model_config
from .patch_init import sum_pool_patch
from .recorder import Recorder, Source, SourceLike
from .schedule import Schedule
from .teacher import Teacher

__all__ = [
    'Distiller', 'FiniteCheck', 'Inheritance', 'InheritanceError', 'Initializer', 'MaskDrawer',
    'ModelTeacher', 'Recorder', 'RecordingError', 'Schedule', 'Source', 'SourceLike', 'Teacher',
    'TeacherCheckpointError', 'TeacherOutputError', 'Term', 'inherit_weights', 'merge_losses',
    'model_config', 'sum_pool_patch'
]
