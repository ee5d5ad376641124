"""The engine: teachers, recordings, schedules and the distillation step. Knows nothing of OCR."""
from .distiller import Distiller, MaskDrawer, Term, merge_losses
from .errors import RecordingError, TeacherCheckpointError, TeacherOutputError
from .model_teacher import ModelTeacher, model_config
from .recorder import Recorder, Source, SourceLike
from .schedule import Schedule
from .teacher import Teacher

__all__ = [
    'Distiller', 'MaskDrawer', 'ModelTeacher', 'Recorder', 'RecordingError', 'Schedule', 'Source',
    'SourceLike', 'Teacher', 'TeacherCheckpointError', 'TeacherOutputError', 'Term',
    'merge_losses', 'model_config'
]
