# A black box teaches: CRNN reads grey words of 16x50 and learns what PP-OCR, in ONNX Runtime, may
# have read of the sharp ones in colour. First, once: mmocr-kd cache on this config, some 25 ms a
# word. Then it trains as fast as without a teacher.
_base_ = ['crnn-lr_kd-ltr_3e_embedded.py']

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model.student,
    teacher=dict(
        type='CachedTeacher',
        store='work_dirs/cache/ppocr_embedded-words',
        teacher=dict(type='OnnxTeacher', model='rapidocr', num_readings=5)),
    losses=dict(
        nbest=dict(type='NBestLoss', temperature=4.0, normalize='NFKC', loss_weight=0.1),
        hard=dict(type='HardLabelLoss', loss_weight=1.0)),
    visual='backbone',
    valid_steps=None,
    init_student_from_teacher=False,
    eval_mode='student')
custom_hooks = [dict(type='TeacherDataHook')]

# From scratch: nothing is inherited.
optim_wrapper = dict(optimizer=dict(lr=1e-3))
