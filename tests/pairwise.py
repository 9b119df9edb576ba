"""Covering sets of pairs, in the place of full cross products."""

from itertools import combinations, product


def pairs(*axes):
    """List combinations of two or more axes in which every two values meet.

    Each row takes the next pair that is not covered. Every other axis then gives the
    value with the most such pairs. So the list is short, and the same in every run.
    """
    axes = [list(axis) for axis in axes]
    places = [range(len(axis)) for axis in axes]
    open_pairs = {
        pair: None
        for one, other in combinations(range(len(axes)), 2)
        for pair in product(
            product([one], places[one]), product([other], places[other])
        )
    }
    rows = []
    while open_pairs:
        chosen = dict(next(iter(open_pairs)))
        for axis in range(len(axes)):
            if axis not in chosen:
                chosen[axis] = max(
                    places[axis],
                    key=lambda at, axis=axis: sum(
                        tuple(sorted([(axis, at), known])) in open_pairs
                        for known in chosen.items()
                    ),
                )
        for pair in combinations(sorted(chosen.items()), 2):
            open_pairs.pop(pair, None)
        rows.append(tuple(axes[axis][chosen[axis]] for axis in range(len(axes))))
    return rows
