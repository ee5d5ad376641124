"""A student to files that run elsewhere: ONNX graphs that say what they are, plain checkpoints."""
from .check import Check, check_export, export_checked
from .graph import Export, Network, export_onnx, plain_model, require_own_graph
from .plain import export_plain

__all__ = ['Check', 'Export', 'Network', 'check_export', 'export_checked', 'export_onnx',
           'export_plain', 'plain_model', 'require_own_graph']
