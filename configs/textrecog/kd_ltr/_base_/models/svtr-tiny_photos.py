# SVTR-tiny for words on photos: grey, 32 pixels high, padded to 256, not rectified; 64 frames.
_base_ = 'mmocr::textrecog/svtr/_base_svtr-tiny.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

model = dict(
    preprocessor=None,
    encoder=dict(img_size=[32, 256], in_channels=1, max_seq_len=64),
    decoder=dict(
        module_loss=dict(letter_case='unchanged'), dictionary=dict(with_unknown=False)))
