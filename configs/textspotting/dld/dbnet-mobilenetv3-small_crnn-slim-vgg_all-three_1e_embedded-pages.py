# MaskET, KD-LTR and DLD in one training: a small detector learns at shrunk scales what a larger one
# sees in the whole image, the recogniser reads shrunk words as it reads sharp ones, and the
# selector learns how many errors to expect at each scale. Each part goes by config values:
# terms=[]; losses=dict(visual=None, semantic=None, logits=None); selector=None, objective=None and
# scale_factors=[1.0]. The detector's teacher comes with the package, the recogniser's is trained
# before: mim train mmocr configs/textrecog/kd_ltr/crnn_slim-vgg_3e_embedded-words.py
# The errors are counted in each step: four passes over small pages, and a whole one.
_base_ = [
    '../_base_/models/dbnet-mobilenetv3-small_crnn-slim-vgg.py',
    '../_base_/recipes/embedded-pages.py',
    '../../textrecog/kd_ltr/_base_/distill/kd_ltr_ctc.py',
]

# The detector that teaches.
finder = dict(
    config='{{ fileDirname }}/../../textdet/masket/dbnet_mobilenetv3-large_fpnc_1e_embedded-12k.py',
    checkpoint='mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k')
# The recogniser that teaches, and that the student's starts as.
reader = dict(
    type='RecognizerTeacher',
    config='{{ fileDirname }}/../../textrecog/kd_ltr/crnn_slim-vgg_3e_embedded-words.py',
    checkpoint='work_dirs/crnn_slim-vgg_3e_embedded-words/epoch_3.pth')
kd_ltr = _base_.pop('kd_ltr_losses')
kd_ltr.semantic.update(hidden_channels=128, out_channels=256, projector='mlp')

student = _base_.model
student.recognizer.init_cfg = dict(type='Pretrained', checkpoint=reader['checkpoint'])
student.loss_weights.rec = kd_ltr.hard.loss_weight
model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=student,
    terms=[
        dict(
            teacher=finder,
            loss=dict(type='MaskETLoss', entropy_weight=1.0, kd_weight=1.0, mask='text'))
    ],
    losses=dict(
        visual=dict(teacher=reader, loss=kd_ltr.visual, crop=dict(size=(32, 100))),
        semantic=dict(teacher=reader, loss=kd_ltr.semantic),
        logits=dict(teacher=reader, loss=kd_ltr.logits)),
    selector=dict(
        type='ResolutionSelector',
        scale_factors=[0.25, 0.375, 0.5, 0.75, 1.0],
        base_channels=64,
        norm_cfg=dict(type='BN'),
        input_short_edge=256),
    objective=dict(
        type='ErrorObjective',
        errors=dict(type='PassErrors', false_alarm_weight=0.5),
        loss=dict(type='ExpectedErrorLoss')))

custom_hooks = [dict(type='BudgetTableHook')]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [*_base_.val_evaluator, dict(type='ResolutionStatMetric')]
test_evaluator = val_evaluator
