# The published spotter, data and schedule with our objective: the selector learns how many errors
# to expect at each scale, and whoever tests says what compute is worth. It is the official one, but
# sees half the resolution.
_base_ = [
    '../_base_/models/mask-rcnn-resnet50_crnn-attn.py',
    '../_base_/recipes/dld-mixture-joint.py',
    '../_base_/distill/dld.py',
]

dld = _base_.dld
dld.selector.update(base_channels=256, input_short_edge=448)
losses = _base_.losses
losses.sequence.update(search='greedy')
name = 'mask-rcnn-resnet50_crnn-attn_multiscale_100e_dld-mixture'
model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/../mask_rcnn/' + name + '.py',
        checkpoint=f'work_dirs/{name}/epoch_100.pth'),
    scale_factors=None,
    init_student_from_teacher=True,
    losses=losses,
    **dld)
# All of it comes from the teacher.
model['student'].detector.backbone.init_cfg = None

val_evaluator = _base_.val_evaluator
val_evaluator.metrics[1].scale_factors = _base_.scale_factors
test_evaluator = val_evaluator
