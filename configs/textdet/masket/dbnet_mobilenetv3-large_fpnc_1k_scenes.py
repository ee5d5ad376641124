# 700 more steps from what the first 300 gave.
_base_ = 'dbnet_mobilenetv3-large_fpnc_300i_scenes.py'

# Less sure texts are left out: the threshold that suits the rendered images of the validation.
model = dict(det_head=dict(postprocessor=dict(min_text_score=0.6)))
load_from = 'work_dirs/dbnet_mobilenetv3-large_fpnc_300i_scenes/epoch_12.pth'
train_cfg = dict(max_epochs=28, val_interval=28)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=28, by_epoch=True, convert_to_iter_based=True)
]
randomness = dict(seed=1)
