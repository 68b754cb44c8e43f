from __future__ import annotations

import io
import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from hiwm.data.label_page import LabelPage, byte_range
from hiwm.data.marks import Mark, read_marks
from hiwm.data.source import open_source
from hiwm.errors import BadInput
from tests.data.foreign_dataset import HIGH, make_foreign, moving_square
from tests.data.test_source import EXTRA, VALUES, cut


@pytest.fixture
def page(foreign_copy: Path) -> Iterator[LabelPage]:
    with LabelPage(open_source(foreign_copy)) as page:
        yield page


def ask(
    page: LabelPage, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    """Asks for exactly this path, which no client library has made safe."""
    connection = HTTPConnection(urlsplit(page.address).netloc, timeout=10)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


def below(page: LabelPage, path: str) -> str:
    return urlsplit(page.address).path + path


def mark(page: LabelPage, **request: Any) -> tuple[int, Any]:
    response, data = ask(page, below(page, "mark"), "POST", json.dumps(request).encode())
    return response.status, json.loads(data) if response.status == 200 else data.decode()


def test_the_page_is_self_contained(page: LabelPage) -> None:
    response, html = ask(page, below(page, ""))
    assert response.status == 200
    assert b"prefers-color-scheme: dark" in html
    assert b"http://" not in html
    assert b"https://" not in html
    assert "default-src 'none'" in str(response.headers["Content-Security-Policy"])
    assert response.headers["Referrer-Policy"] == "no-referrer"


def test_the_state_names_every_episode(page: LabelPage) -> None:
    state = json.loads(ask(page, below(page, "state"))[1])
    assert [e["frames"] for e in state["episodes"]] == [20, 12, 9]
    assert state["episodes"][1]["prompt"] == "place the cube"
    high, wrist = state["cameras"]
    assert high["clips"] == [[0, 0, 20 / 15], [1, 0, 12 / 15], [2, 0, 9 / 15]]
    assert wrist["clips"] is None
    assert state["marks"] == {}


def test_marks_are_saved_at_once(page: LabelPage, foreign_copy: Path) -> None:
    assert mark(page, episode=1, mark="failure") == (200, {"1": "failure"})
    assert read_marks(foreign_copy, 3) == {1: Mark.FAILURE}
    assert mark(page, episode=0, mark="success") == (200, {"0": "success", "1": "failure"})
    assert mark(page, episode=1, mark=None) == (200, {"0": "success"})
    assert read_marks(foreign_copy, 3) == {0: Mark.SUCCESS}


def test_videos_come_in_ranges(page: LabelPage, foreign_copy: Path) -> None:
    whole = (foreign_copy / f"videos/{HIGH}/chunk-000/file-002.mp4").read_bytes()
    path = below(page, "video/0/2")
    response, data = ask(page, path)
    assert (response.status, response.headers["Accept-Ranges"]) == (200, "bytes")
    assert data == whole
    response, data = ask(page, path, Range="bytes=100-199")
    assert (response.status, response.headers["Content-Range"]) == (206, f"bytes 100-199/{len(whole)}")
    assert data == whole[100:200]
    response, data = ask(page, path, Range=f"bytes={len(whole)}-")
    assert (response.status, response.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 99)),
        ("bytes=0-", (0, 99)),
        ("bytes=10-19", (10, 19)),
        ("bytes=90-500", (90, 99)),
        ("bytes=-5", (95, 99)),
        ("bytes=100-", None),
        ("bytes=9-3", None),
        ("bytes=-0", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
    ],
)
def test_byte_ranges(header: str | None, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == expected


@pytest.mark.parametrize("camera", [0, 1])
def test_frames_come_as_jpeg(page: LabelPage, camera: int) -> None:
    response, data = ask(page, below(page, f"frame/{camera}/2/4"))
    assert (response.status, response.headers["Content-Type"]) == (200, "image/jpeg")
    expected = moving_square([(48, 64), (40, 40)][camera], 2, 4).astype(int)
    assert np.abs(np.asarray(Image.open(io.BytesIO(data))) - expected).mean() < 8


@pytest.mark.parametrize(
    "path",
    [
        "video/0/3",
        "video/9/0",
        "video/1/0",
        "video/0/-1",
        "video/0/0/../../../meta/info.json",
        "video/0/..%2f..%2fmeta%2finfo.json",
        "../meta/info.json",
        "..%2fmeta%2finfo.json",
        "/etc/passwd",
        "frame/0/3/0",
        "frame/0/0/20",
        "frame/2/0/0",
        "mark",
        "label_page.py",
    ],
)
def test_nothing_else_is_served(page: LabelPage, path: str) -> None:
    response, data = ask(page, below(page, path))
    assert response.status == 404
    assert len(data.splitlines()) == 1


@pytest.mark.parametrize("path", ["/", "/state", "/wrong-token/", "/wrong-token/state", "", "/%00/state", "//state"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_who_knows_the_token_gets_in(page: LabelPage, foreign_copy: Path, path: str, method: str) -> None:
    body = b'{"episode": 0, "mark": "success"}' if method == "POST" else None
    assert ask(page, path, method, body)[0].status == 403
    assert read_marks(foreign_copy, 3) == {}


def test_another_host_is_refused(page: LabelPage) -> None:
    assert ask(page, below(page, "state"), Host="evil.example")[0].status == 403


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"episode": 0},
        {"episode": 3, "mark": "success"},
        {"episode": -1, "mark": "success"},
        {"episode": "0", "mark": "success"},
        {"episode": True, "mark": "success"},
        {"episode": 0, "mark": "great"},
    ],
)
def test_marks_that_make_no_sense(page: LabelPage, foreign_copy: Path, request_: dict[str, Any]) -> None:
    status, words = mark(page, **request_)
    assert status == 400
    assert "expected" in words or "no episode" in words
    assert read_marks(foreign_copy, 3) == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"x" * 5000])
def test_bodies_that_are_not_requests(page: LabelPage, body: bytes) -> None:
    assert ask(page, below(page, "mark"), "POST", body)[0].status == 400
    assert mark(page, episode=0, mark="unsure")[0] == 200


def test_an_episode_that_cannot_be_read_is_said_to_be(foreign_copy: Path) -> None:
    cut(foreign_copy / f"videos/{HIGH}/chunk-000/file-001.mp4")
    with LabelPage(open_source(foreign_copy)) as page:
        response, data = ask(page, below(page, "frame/0/1/0"))
        assert response.status == 404
        assert b"cam_high, episode 1" in data
        assert ask(page, below(page, "frame/0/0/0"))[0].status == 200


def test_codecs_that_browsers_do_not_play_come_as_frames(foreign_copy: Path) -> None:
    info = foreign_copy / "meta" / "info.json"
    info.write_text(info.read_text().replace('"h264"', '"hevc"'))
    with LabelPage(open_source(foreign_copy)) as page:
        assert page.state()["cameras"][0]["clips"] is None


def test_a_dataset_with_its_own_success_needs_no_labels(tmp_path: Path) -> None:
    extra = {"success": EXTRA["success"]}
    folder = make_foreign(tmp_path / "own", (3,), extra=extra, extra_values={"success": VALUES["success"]})
    with pytest.raises(BadInput, match="has its own success column"):
        LabelPage(open_source(folder))
