# DRS only: the selector without distillation.
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_dld_1e_embedded-pages.py'

model = dict(losses=dict(roi=None, context=None, sequence=None))
