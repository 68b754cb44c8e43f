"""Draws the tree of a session as a picture: branches, takeovers, labels, progress, and what was seen where they end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from hiwm.session.corrections import find_corrections
from hiwm.session.file import SessionFile
from hiwm.session.phases import Label
from hiwm.session.standing import labels_of
from hiwm.session.tree import Tree

_SIGNS = {Label.SUCCESS: ("o", "#1a7f37"), Label.FAILURE: ("X", "#c62828"), Label.UNSURE: ("D", "#8a6d00")}
_STEERED = "#111111"
_PROGRESS = "viridis"
_THUMBNAIL_PX = 56


def draw_tree(file: SessionFile, out: Path) -> None:
    """Writes a PNG: a line for each branch over the steps, coloured by progress, with what operators steered in black
    beneath, labels at their nodes, and the picture at the end of each branch.
    """
    tree = Tree(file.rows())
    lanes = max(1, len(tree.branch_starts))
    figure = Figure(figsize=(11, 1.9 + 0.8 * lanes), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    _draw_lines(figure, axes, tree)
    _draw_takeovers(axes, file, tree)
    _draw_labels(axes, file, tree)
    _draw_ends(axes, file, tree)
    _dress(figure, axes, file, tree)
    figure.savefig(out, format="png")


def _place(tree: Tree, node: int) -> tuple[int, int]:
    """(step, lane)"""
    return tree.row(node).step, tree.branch(node)


def _edge(tree: Tree, node: int) -> list[tuple[float, float]]:
    """From a node's parent to it; into a new branch first down to its lane."""
    parent = tree.parent(node)
    here = _place(tree, node)
    before = here if parent is None else _place(tree, parent)
    return [before, (before[0], here[1]), here] if before[1] != here[1] else [before, here]


def _draw_lines(figure: Figure, axes: Axes, tree: Tree) -> None:
    nodes = range(1, len(tree))
    steered = [_edge(tree, node) for node in nodes if tree.row(node).takeover is not None]
    axes.add_collection(LineCollection(steered, colors=_STEERED, linewidths=10, capstyle="butt", zorder=1))
    progress = np.array([_progress(tree, node) for node in nodes], np.float64)
    lines = LineCollection(
        [_edge(tree, node) for node in nodes], cmap=_PROGRESS, norm=Normalize(0, 1), linewidths=5, zorder=2
    )
    lines.set_array(progress)
    axes.add_collection(lines)
    figure.colorbar(lines, ax=axes, label="progress", fraction=0.03, pad=0.01)


def _progress(tree: Tree, node: int) -> float:
    said = tree.row(node).reading.progress
    return np.nan if said is None else said


def _draw_takeovers(axes: Axes, file: SessionFile, tree: Tree) -> None:
    for correction in find_corrections(file.about.id, tree, file.events(), labels_of(file.events())):
        step, lane = _place(tree, correction.nodes[0])
        text = ": ".join(part for part in (correction.operator, correction.reason) if part)
        axes.annotate(
            text[:60],
            (step, lane),
            (0, 9),
            textcoords="offset points",
            fontsize=8,
            bbox={"boxstyle": "square,pad=0.1", "color": "white", "alpha": 0.8},
            annotation_clip=False,
            zorder=5,
        )


def _draw_labels(axes: Axes, file: SessionFile, tree: Tree) -> None:
    for node, label in labels_of(file.events()).items():
        sign, colour = _SIGNS[label]
        axes.plot(*_place(tree, node), sign, color=colour, markersize=11, markeredgecolor="white", zorder=4)


def _draw_ends(axes: Axes, file: SessionFile, tree: Tree) -> None:
    camera = file.about.spec.cameras[0].name
    for leaf in tree.leaves():
        picture = file.observation(leaf).images[camera]
        image = OffsetImage(picture, zoom=_THUMBNAIL_PX / picture.shape[0] * 72 / 110)
        box = AnnotationBbox(
            image, _place(tree, leaf), (36, 0), boxcoords="offset points", frameon=False, annotation_clip=False
        )
        axes.add_artist(box)


def _dress(figure: Figure, axes: Axes, file: SessionFile, tree: Tree) -> None:
    lanes, steps = len(tree.branch_starts), max([1, *(row.step for row in tree.rows)])
    axes.set_xlim(-0.01 * steps, 1.1 * steps)
    axes.set_ylim(max(1, lanes) - 0.4, -0.6)
    axes.set_yticks(range(lanes), [f"branch {lane}" for lane in range(lanes)])
    axes.set_xlabel("step")
    axes.set_title(f"{file.about.task}: {file.about.prompt}  ({file.about.scene})", fontsize=10, loc="left")
    axes.spines[["top", "right", "left"]].set_visible(False)
    signs = [
        Line2D([], [], marker=sign, color=colour, linestyle="none", markersize=8, label=label.value)
        for label, (sign, colour) in _SIGNS.items()
    ]
    steered = Line2D([], [], color=_STEERED, linewidth=9, label="steered")
    figure.legend(handles=[steered, *signs], loc="outside lower center", ncols=4, frameon=False)
