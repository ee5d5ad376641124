import pytest
import torch
from best_first import best_first_paths

# Two characters, then the end (column 2).
TABLE = torch.tensor([[.6, .3, .1], [.2, .1, .7], [.1, .2, .7]], dtype=torch.float64)


def test_finds_the_best_paths_in_order():
    paths = best_first_paths(TABLE, 4, 3, end_idx=2, divide=False)
    assert [path.classes for path in paths] == [(0, 2), (1, 2), (2, ), (0, 0, 2)]
    assert [path.prob for path in paths] == pytest.approx([.42, .21, .1, .084])


def test_dividing_by_the_length_favours_short_paths():
    table = torch.tensor([[.55, .45], [.5, .5]], dtype=torch.float64)
    assert best_first_paths(table, 1, 2, end_idx=1)[0].classes == (1, )
    table = torch.tensor([[.6, .4], [.1, .9]], dtype=torch.float64)
    assert best_first_paths(table, 1, 2, end_idx=1)[0].classes == (1, )
    assert best_first_paths(table, 1, 2, end_idx=1, divide=False)[0].classes == (0, 1)


def test_without_an_end_all_paths_reach_the_last_row():
    paths = best_first_paths(TABLE, 100, 2)
    assert len(paths) == 8 and all(len(path.classes) == 3 for path in paths)
    probs = [path.prob for path in paths]
    assert probs == sorted(probs, reverse=True)


def test_columns_that_are_not_read():
    paths = best_first_paths(TABLE, 100, 3, end_idx=2, not_read=(0, ))
    assert {column for path in paths for column in path.classes} == {1, 2}


def test_an_exhausted_search_returns_what_it_has():
    flat = torch.full((9, 4), .25, dtype=torch.float64)
    incomplete = best_first_paths(flat, 3, 2, max_expansions=5)
    assert len(incomplete) == 3 and all(len(path.classes) < 9 for path in incomplete)
    some = best_first_paths(TABLE, 6, 3, end_idx=2, max_expansions=4)
    assert [path.classes for path in some] == [(0, 2), (1, 2), (2, )]
