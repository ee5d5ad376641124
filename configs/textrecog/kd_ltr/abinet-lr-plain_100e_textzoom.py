# The student of abinet-lr_*.py as a plain MMOCR recogniser: for weights that were exported, or,
# from its teacher's, trained by ABINet's own loss.
_base_ = ['_base_/models/abinet_lr.py', '_base_/recipes/textzoom-plain.py']

model = dict(data_preprocessor=dict(bgr_to_rgb=True))

load_from = 'work_dirs/pretrained/abinet_official.pth'
