# DLD as its paper has it, where that differs from the official code: the accuracy is compared with
# the teacher's distribution, the cost is that of a table, three hypotheses of the teacher count
# together, features are compared by the mean absolute difference. The table holds the operations of
# ResNet-50, FPN and RPN at 896x1184 and is to be replaced by your own: tools/cost_table.py.
_base_ = 'dld_official.py'

dld = dict(
    selector=dict(costs=[0.104, 0.174, 0.257, 0.377, 0.502, 0.666]),
    objective=dict(
        preset='paper',
        accuracy=dict(mode='kl', combine='probs', kl_direction='teacher_student', temperature=1.0)),
    losses=dict(
        roi=dict(reduction='norm'),
        context=dict(reduction='norm'),
        sequence=dict(search='static', topk=3, reduction='log_sum')))
