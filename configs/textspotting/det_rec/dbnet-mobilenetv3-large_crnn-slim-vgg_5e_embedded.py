# Finds and reads words of digits and lower-case letters; trains on a CPU, nothing is downloaded.
_base_ = [
    '../_base_/models/dbnet-mobilenetv3-large_crnn-slim-vgg.py',
    '../_base_/recipes/embedded.py',
]
