# ABINet that reads crops of 16x64. Its teacher reads 32x128:
# mmocr::textrecog/abinet/abinet_20e_st-an_mj.py
_base_ = 'mmocr::textrecog/abinet/_base_abinet.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

# The first stage does not stride, so that its first block needs no shortcut convolution: of the
# teacher's weights, backbone.layer1.0.downsample.* are not used. KD-LTR consults the language model
# once, in student and teacher; MMOCR's own ABINet does so three times.
model = dict(
    backbone=dict(strides=[1, 1, 2, 1, 1]),
    decoder=dict(num_iters=1))
