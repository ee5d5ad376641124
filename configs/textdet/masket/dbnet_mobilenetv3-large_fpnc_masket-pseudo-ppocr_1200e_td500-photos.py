# Both: PP-OCR's boxes as labels of the photos, and what it is unsure about.
_base_ = 'dbnet_mobilenetv3-large_fpnc_masket-ppocr_1200e_td500-photos.py'

_base_.train_dataloader.dataset.datasets = [_base_.labelled, _base_.pseudo]
