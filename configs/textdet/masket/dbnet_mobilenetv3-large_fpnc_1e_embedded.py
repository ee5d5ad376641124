# Teacher of the demo, with the budget of its students.
_base_ = ['_base_/recipes/embedded.py', '_base_/models/dbnet_mobilenetv3-large_fpnc64.py']
