"""A student to files that run elsewhere: ONNX graphs that say what they are, plain checkpoints."""
from .check import Check, check_export, export_checked
from .graph import Export, Network, export_onnx, plain_model, require_own_graph
from .plain import export_plain
from .selector import export_selector
from .spotter import export_spotter, whole_spotter
from .together import Together, check_together

__all__ = ['Check', 'Export', 'Network', 'Together', 'check_export', 'check_together',
           'export_checked', 'export_onnx', 'export_plain', 'export_selector', 'export_spotter',
           'plain_model', 'require_own_graph', 'whole_spotter']
