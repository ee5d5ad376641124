# The student of matrn-lr_*.py as a plain recogniser: for weights that were exported, or, from its
# teacher's weights, trained by MATRN's own loss.
_base_ = ['_base_/models/matrn_lr.py', '_base_/recipes/textzoom-plain.py']

load_from = 'work_dirs/pretrained/matrn_official.pth'
