# The same, taught by a black box: PP-OCR, in ONNX Runtime, says where text is and what words may
# be. Nothing has to be trained before, and the dictionary need not be the teacher's.
_base_ = 'dbnet-mobilenetv3-small_crnn-slim-vgg_all-three_1e_embedded-pages.py'

ppocr = dict(type='OnnxTeacher', model='rapidocr')
student = _base_.model.student
student.recognizer.init_cfg = None
student.loss_weights.rec = 1.0
model = dict(
    student=student,
    terms=[
        dict(
            teacher=ppocr,
            loss=dict(type='MaskETLoss', entropy_weight=1.0, kd_weight=1.0, mask='text'))
    ],
    losses=dict(
        visual=None,
        semantic=None,
        logits=None,
        nbest=dict(
            teacher=ppocr,
            crop=dict(size=(48, 320)),  # the height that it reads at
            loss=dict(type='NBestLoss', temperature=4.0, normalize='NFKC', loss_weight=0.1))))
