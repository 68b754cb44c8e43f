"""What becomes an episode: whole attempts, corrections alone, own successes; nothing twice but the lead-in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hiwm.corrections.episodes import episode_of, is_judged, node_runs
from hiwm.corrections.reading import opened
from hiwm.corrections.takes import Shape, takes_of
from hiwm.operators.desk import Start
from hiwm.session.corrections import LEAD_IN
from hiwm.types import Driver
from tests.corrections.corrected import TOY_GATES, corrected_session
from tests.operators.toy_operator import toy_session


def test_an_attempt_goes_from_the_first_node_to_the_end_of_the_correction(tmp_path: Path) -> None:
    path = corrected_session(tmp_path, starts=(Start(6, "stall", 1),))
    with opened(path) as session:
        [take], rejected = takes_of(session, Shape.ATTEMPTS, TOY_GATES)
        [correction] = session.corrections()
        episode = episode_of(session, take)
        assert is_judged(session, take)
    assert rejected == []
    assert take.nodes == (0, 1, 2, 3, 4, 5, 6, *correction.nodes)
    assert take.takeovers == (6,)
    assert episode.lineage is not None
    assert episode.lineage.intervention.tolist() == [False] * 6 + [True] * len(correction.nodes)
    assert episode.drivers == (Driver.POLICY,) * 6 + (Driver.SCRIPT,) * len(correction.nodes)
    assert episode.lineage.branch.tolist() == [0] * 6 + [1] * len(correction.nodes)
    assert set(episode.lineage.parent[6:].tolist()) == {6}
    assert episode.lineage.source == "toy-train-0"
    assert episode.succeeded or episode.length == take.frames


def test_a_second_correction_repeats_only_the_lead_in(tmp_path: Path) -> None:
    path = corrected_session(tmp_path, starts=(Start(30, "stall", 1), Start(26, "stall", 2)), steps=40)
    with opened(path) as session:
        first, second = takes_of(session, Shape.ATTEMPTS, TOY_GATES)[0]
    assert first.nodes[0] == 0
    repeated = set(first.nodes) & set(second.nodes)
    assert len(repeated) == LEAD_IN + 1
    assert max(repeated) == 26


def test_segments_are_what_was_steered_alone(tmp_path: Path) -> None:
    path = corrected_session(tmp_path)
    with opened(path) as session:
        takes, _ = takes_of(session, Shape.SEGMENTS, TOY_GATES)
        corrections = session.corrections()
        episodes = [episode_of(session, take) for take in takes]
    assert [take.nodes for take in takes] == [(one.takeover, *one.nodes) for one in corrections]
    for episode in episodes:
        assert episode.lineage is not None
        assert episode.lineage.intervention.all()


def test_the_rejected_are_kept_apart_and_an_attempt_begins_behind_them(tmp_path: Path) -> None:
    path = corrected_session(tmp_path)
    with opened(path) as session:
        lengths = [len(one.nodes) for one in session.corrections()]
        gates = replace(TOY_GATES, longest=max(lengths) - 1)
        takes, rejected = takes_of(session, Shape.ATTEMPTS, gates)
    assert len(takes) + len(rejected) == 2
    assert rejected
    assert all("steered steps, at most" in bad.reasons[0] for bad in rejected)


def test_own_successes_are_attempts_that_nobody_steered(tmp_path: Path) -> None:
    session = toy_session(tmp_path)
    session.close()
    with opened(tmp_path / "toy-train-0.hiwm") as read:
        takes, [bad] = takes_of(read, Shape.SUCCESSES, TOY_GATES)
    assert takes == []
    assert bad.reasons == ("the attempt does not end in success",)


def test_node_runs_and_pictures_are_those_of_the_session(tmp_path: Path) -> None:
    assert node_runs((0, 1, 2, 7, 8, 4)) == [(0, 2), (7, 8), (4, 4)]
    path = corrected_session(tmp_path)
    with opened(path) as session:
        take = takes_of(session, Shape.ATTEMPTS, TOY_GATES)[0][0]
        episode = episode_of(session, take)
        for t in (0, take.frames - 1):
            seen = session.file.observation(take.nodes[t])
            for name, picture in seen.images.items():
                assert np.array_equal(episode.images[name][t], picture)
