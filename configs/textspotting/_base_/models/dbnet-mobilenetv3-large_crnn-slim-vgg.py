# A detector and a recogniser as one model. Words are cut out of what the detector sees.
_base_ = ['detector_dbnet-mobilenetv3-large.py', 'recognizer_crnn-slim-vgg.py']

model = dict(
    type='DetRecTextSpotter',
    detector=_base_.pop('detector'),
    recognizer=_base_.pop('recognizer'),
    color_type='grayscale',
    crop=dict(
        size=(32, 100),
        margin=0.1,
        jitter=0.1,
        oversample='auto',
        corners='annotated',
        vertical_ratio=1.5),
    texts=dict(unknown='drop', max_length=25),
    chunk_size=64,
    loss_weights=dict(det=1.0, rec=1.0))
