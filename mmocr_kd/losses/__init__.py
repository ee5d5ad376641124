"""Distillation losses, on maps with a mask or on readings of words. No model, no runner."""
from .binary_kd_loss import BinaryKDLoss
from .ctc import align_labels, best_labels, character_vectors, label_distribution, occupancy
from .cwd_loss import CWDLoss
from .entropy import binary_entropy, binary_kl
from .expected_error_loss import ExpectedErrorLoss
from .feature_l2_loss import FeatureL2Loss
from .fitnet_loss import FitNetLoss
from .hard_label_loss import HardLabelLoss
from .k_best import Paths, k_best_paths, path_distribution
from .masket_loss import MaskETLoss
from .nbest_loss import NBestLoss
from .pixel_loss import PixelLoss
from .reading import Hypotheses, Labels, Reading, ReadingLoss
from .resolution_accuracy_loss import ResolutionAccuracyLoss
from .resolution_cost_loss import ResolutionCostLoss
from .scale_factors import check_scale_factors
from .semantic_contrastive_loss import SemanticContrastiveLoss
from .sequence_kd_loss import SequenceKDLoss
from .soft_logits_loss import SoftLogitsLoss
from .visual_focus_loss import VisualFocusLoss
from .weighted_mean import weighted_mean
from .word_log_probs import word_log_probs

__all__ = [
    'BinaryKDLoss', 'CWDLoss', 'ExpectedErrorLoss', 'FeatureL2Loss', 'FitNetLoss',
    'HardLabelLoss', 'Hypotheses', 'Labels', 'MaskETLoss', 'NBestLoss', 'Paths', 'PixelLoss',
    'Reading', 'ReadingLoss', 'ResolutionAccuracyLoss',
    'ResolutionCostLoss', 'SemanticContrastiveLoss',
    'SequenceKDLoss', 'SoftLogitsLoss', 'VisualFocusLoss', 'align_labels', 'best_labels',
    'binary_entropy', 'binary_kl', 'character_vectors', 'check_scale_factors',
    'k_best_paths', 'label_distribution', 'occupancy', 'path_distribution', 'weighted_mean',
    'word_log_probs'
]
