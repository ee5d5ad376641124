# The student of parseq-lr_*.py as a plain recogniser: for weights that were exported, or, from its
# teacher's weights, trained by PARSeq's own loss.
_base_ = ['_base_/models/parseq_lr.py', '_base_/recipes/textzoom-plain-94.py']

load_from = 'work_dirs/pretrained/parseq_official.pth'
