# Plain student of the demo: 2,400 rendered images, about 600 iterations.
_base_ = ['_base_/recipes/embedded.py', '_base_/models/dbnet_mobilenetv3-small_fpnc64.py']
