# Pretraining on rendered text, the part SynthText plays in DB's own recipe: 12,000 images, each
# seen once. Every student of the icdar2015-mini runs starts from it.
_base_ = ['_base_/recipes/embedded.py', '_base_/models/dbnet_mobilenetv3-large_fpnc64.py']

train_dataloader = dict(
    batch_size=8, dataset=dict(num_images=12000, image_size=(256, 256)))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
