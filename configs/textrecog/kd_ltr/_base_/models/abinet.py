# MMOCR's ABINet, which asks its language model once, as KD-LTR does, not three times. The passes
# share their weights, so weights of the usual three fit. MMOCR's weights see BGR images.
_base_ = 'mmocr::textrecog/abinet/_base_abinet.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

model = dict(decoder=dict(num_iters=1), data_preprocessor=dict(bgr_to_rgb=False))
