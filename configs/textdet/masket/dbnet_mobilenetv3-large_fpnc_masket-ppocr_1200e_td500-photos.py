# MSRA-TD500 with its labels, photos without any; PP-OCR teaches on both.
_base_ = [
    '_base_/models/dbnet_mobilenetv3-large_fpnc_prepared.py',
    '_base_/datasets/td500-photos.py',
    '_base_/schedules/sgd_1200e.py',
    '_base_/distill/masket-ppocr.py',
]
