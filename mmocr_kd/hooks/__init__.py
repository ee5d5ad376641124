"""MMEngine hooks; thin: they wire the engine to a Runner."""
from .budget_table_hook import BudgetTableHook
from .channels_last_hook import ChannelsLastHook
from .disjoint_photos_hook import DisjointPhotosHook
from .ema_teacher_hook import EMATeacherHook
from .evaluate_teacher_hook import EvaluateTeacherHook
from .gumbel_temperature_hook import GumbelTemperatureHook
from .masket_distill_hook import MaskETDistillHook
from .pairing_hook import PairingHook
from .quantization_aware_training_hook import QuantizationAwareTrainingHook
from .teacher_data_hook import TeacherDataHook

__all__ = ['BudgetTableHook', 'ChannelsLastHook', 'DisjointPhotosHook', 'EMATeacherHook',
           'EvaluateTeacherHook', 'GumbelTemperatureHook', 'MaskETDistillHook', 'PairingHook',
           'QuantizationAwareTrainingHook', 'TeacherDataHook']
