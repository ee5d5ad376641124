"""A student to files that run elsewhere: ONNX graphs that say what they are, plain checkpoints."""
from .check import Check, check_export, export_checked
from .graph import Export, Network, export_onnx, plain_model, require_own_graph
from .plain import export_plain
from .selector import check_choices, export_selector

__all__ = ['Check', 'Export', 'Network', 'check_choices', 'check_export', 'export_checked',
           'export_onnx', 'export_plain', 'export_selector', 'plain_model', 'require_own_graph']
