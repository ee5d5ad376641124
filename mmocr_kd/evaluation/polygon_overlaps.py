"""How much polygons overlap, all pairs at once."""
from __future__ import annotations

from typing import Any, Iterable, Sequence

import numpy as np
import shapely
from mmocr.utils import poly_make_valid


def to_geometries(polygons: Sequence[Any], name: str, needed: Iterable[Any]) -> np.ndarray:
    """Turn polygons into shapely's.

    Self-crossing ones are mended as MMOCR's ``poly_make_valid`` does. What has no area becomes, or
    remains, a geometry without area, which overlaps nothing.

    Args:
        polygons: N polygons, each ``[x1, y1, x2, y2, ...]`` of any length >= 6.
        name: Their name in an error.
        needed: Whether each has to be a polygon; others may be anything and are empty then.

    Returns:
        N geometries, of shape (N,) and type object.

    Raises:
        ValueError: If a needed polygon has no three corners, or a coordinate is not finite.
    """
    geometries = np.empty(len(polygons), dtype=object)
    for i, (polygon, is_needed) in enumerate(zip(polygons, needed)):
        numbers = np.asarray(polygon, dtype=np.float32).ravel()
        if len(numbers) >= 6 and len(numbers) % 2 == 0 and np.isfinite(numbers).all():
            geometries[i] = poly_make_valid(shapely.Polygon(numbers.reshape(-1, 2)))
        elif is_needed:
            raise ValueError(f'{name}[{i}]={numbers.tolist()} is no polygon: expected at least '
                             'three corners x1, y1, x2, y2, ..., all finite; mend it, or mark it '
                             'as ignored')
        else:
            geometries[i] = shapely.Polygon()
    return geometries


def intersection_areas(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Area that each of R polygons shares with each of C polygons.

    A tree finds the few pairs that touch; only their intersections are computed.

    Args:
        rows: Geometries, shape (R,).
        columns: Geometries, shape (C,).

    Returns:
        Areas, shape (R, C).
    """
    areas = np.zeros((len(rows), len(columns)))
    if areas.size:
        row, column = shapely.STRtree(columns).query(rows, predicate='intersects')
        areas[row, column] = shapely.area(shapely.intersection(rows[row], columns[column]))
    return areas


def ious(rows: np.ndarray, columns: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Intersection over union of each pair; 0 where both are empty.

    Args:
        rows: Geometries, shape (R,).
        columns: Geometries, shape (C,).
        shared: Their :func:`intersection_areas`, shape (R, C).

    Returns:
        Values from 0 to 1, shape (R, C).
    """
    union = shapely.area(rows)[:, None] + shapely.area(columns) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def covered_shares(columns: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Share of each column's area inside each row; 0 for empty columns.

    Args:
        columns: Geometries, shape (C,).
        shared: :func:`intersection_areas`, shape (R, C).

    Returns:
        Values from 0 to 1, shape (R, C).
    """
    area = np.broadcast_to(shapely.area(columns), shared.shape)
    return np.divide(shared, area, out=np.zeros_like(shared), where=area > 0)
