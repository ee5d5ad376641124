# A selector for a detector whose words are read by a recogniser of its own: a word that is found
# counts as far as a frozen CRNN reads it in the shrunk image.
_base_ = [
    '../masket/_base_/models/dbnet_efficientnet-lite0_fpnc64.py',
    '_base_/recipes/embedded-pages.py',
    '../../textspotting/_base_/distill/dld.py',
]

_base_.pop('losses')  # of spotters
_base_.model.backbone.init_cfg = None  # all of it comes from load_from
reader = 'crnn_slim-vgg_3e_embedded-words'
model = dict(
    _delete_=True,
    type='DLDTextDetector',
    train_student=False,
    detector=_base_.model,
    recognizer=dict(
        config='{{ fileDirname }}/../../textrecog/kd_ltr/' + reader + '.py',
        checkpoint=f'work_dirs/{reader}/epoch_3.pth',
        crop=dict(size=(32, 100), margin=0.1, corners='annotated', vertical_ratio=1.5),
        color_type='grayscale',
        texts=dict(unknown='drop', max_length=25)),
    **_base_.dld)
load_from = 'work_dirs/dbnet_efficientnet-lite0_fpnc64_1000i_embedded/iter_1000.pth'

optim_wrapper = dict(optimizer=dict(lr=1e-3))
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
