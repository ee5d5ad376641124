"""Functions on whole configs and checkpoints, for tools and scripts. On top of all the rest."""
from .deployment import deployed_config
from .distillation import Distillation, find_distillation, student_config
from .low_res_distillation import LowResDistillation, find_low_res_distillation
from .missing_files import require_files
from .read_config import class_of, read_config
from .scale_passes import Passes, ScalePasses
from .student import build_loaded, load_student, read_checkpoint, student_checkpoint

__all__ = [
    'Distillation', 'LowResDistillation', 'Passes', 'ScalePasses', 'build_loaded', 'class_of',
    'deployed_config', 'find_distillation', 'find_low_res_distillation', 'load_student',
    'read_checkpoint', 'read_config', 'require_files', 'student_checkpoint', 'student_config'
]
