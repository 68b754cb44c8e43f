"""`hiwm data label`: a page on this machine that plays each episode and takes success, failure or unsure by key.

It is served on 127.0.0.1 only, and only to who knows the random token in its address. Every mark is saved to the
sidecar (see hiwm.data.marks) before it is acknowledged. Below the token:

    GET  /                                   the page
    GET  /state                              episodes, cameras and marks, as JSON
    GET  /video/CAMERA/FILE                  an mp4, with byte ranges; both are numbers from the state
    GET  /frame/CAMERA/EPISODE/FRAME         one JPEG, for cameras that a browser cannot play
    POST /mark {"episode": 3, "mark": "success"}   or "failure", "unsure", null; answers with all marks
"""

from __future__ import annotations

import hmac
import io
import json
import re
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO, Self

from hiwm.data.columns import read_columns
from hiwm.data.decode import BadPictures, CameraReader
from hiwm.data.labels import require_own_readings_absent, set_mark
from hiwm.data.marks import Mark, read_marks
from hiwm.data.source import Source
from hiwm.errors import BadInput

PLAYABLE = ("h264", "av1", "vp9", "vp8")
"""Codecs that current browsers play; the page falls back to single frames when its browser does not."""
MAX_BODY = 4096
CHUNK = 1 << 16
KEPT_EPISODES = 4
"""Episodes whose JPEGs stay in memory, for the one that plays and its neighbours."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class NotThere(BadInput):
    """An address names something that the dataset does not have."""


class LabelPage:
    """The server of one dataset's label page. It owns the marks while it runs; use it as a context manager.

    port: 0 takes a free one. Raises BadInput where the dataset has its own success column.
    """

    def __init__(self, source: Source, port: int = 0) -> None:
        require_own_readings_absent(source)
        self.token = secrets.token_urlsafe(16)
        self._source = source
        self._lock = threading.Lock()
        self._jpegs: dict[tuple[int, int], list[bytes]] = {}
        time_n = read_columns(source).time_n
        self._readers = [CameraReader(source, camera.name, time_n) for camera in source.spec.cameras]
        self._videos = [self._files(number) for number in range(len(self._readers))]
        self._server = _Server(self, port)

    @property
    def address(self) -> str:
        """The address of the page, token included."""
        return f"http://127.0.0.1:{self._server.server_port}/{self.token}/"

    def serve(self) -> None:
        """Serves until `close`, from this thread."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stops serving (from another thread than `serve`) and frees the port."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Serves from a thread of its own."""
        threading.Thread(target=self.serve, name="label page", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def state(self) -> dict[str, Any]:
        """What the page shows: episodes with prompt, length and place in the videos, and the marks so far."""
        source, episodes = self._source, self._source.episodes
        return {
            "dataset": source.folder.resolve().name,
            "fps": source.spec.fps,
            "cameras": [self._camera(number) for number in range(len(self._readers))],
            "episodes": [
                {"prompt": prompt, "frames": length}
                for prompt, length in zip(episodes.prompts, episodes.length_e.tolist(), strict=True)
            ],
            "marks": self.marks(),
        }

    def marks(self) -> dict[str, str]:
        """Episode -> mark, as saved."""
        with self._lock:
            return _json_marks(read_marks(self._source.folder, self._source.episodes.count))

    def mark(self, body: bytes) -> dict[str, str]:
        """Saves the mark that a request asks for, and returns all; raises BadInput."""
        try:
            request = json.loads(body)
            episode, mark = request["episode"], request["mark"]
            wanted = None if mark is None else Mark(mark)
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput('expected {"episode": 3, "mark": "success"}, "failure", "unsure" or null') from error
        if type(episode) is not int:
            raise BadInput(f"expected the number of an episode, got {episode!r}")
        with self._lock:
            return _json_marks(set_mark(self._source, episode, wanted))

    def video(self, camera: int, file: int) -> Path:
        """A video file by its number in the state; raises NotThere."""
        try:
            return self._videos[camera][file]
        except IndexError as error:
            raise NotThere(f"no video {file} of camera {camera}") from error

    def jpeg(self, camera: int, episode: int, frame: int) -> bytes:
        """One picture as JPEG; raises NotThere, and BadPictures where the episode cannot be read."""
        episodes = self._source.episodes
        if camera >= len(self._readers) or episode >= episodes.count or frame >= episodes.length_e[episode]:
            raise NotThere(f"no frame {frame} of episode {episode} from camera {camera}")
        with self._lock:
            if (camera, episode) not in self._jpegs:
                while len(self._jpegs) >= KEPT_EPISODES:
                    self._jpegs.pop(next(iter(self._jpegs)))
                self._jpegs[camera, episode] = [_jpeg(picture) for picture in self._readers[camera].pictures(episode)]
            return self._jpegs[camera, episode][frame]

    def _files(self, camera: int) -> list[Path]:
        feature = self._source.names.cameras[self._source.spec.cameras[camera].name]
        return list(dict.fromkeys(self._source.episodes.video_files.get(feature, ())))

    def _camera(self, number: int) -> dict[str, Any]:
        """A camera for the page; `clips` are (file, start, end in seconds) by episode, None to show single frames."""
        source, spec = self._source, self._source.spec.cameras[number]
        feature = source.names.cameras[spec.name]
        info = source.features[feature].get("info") or {}
        about: dict[str, Any] = {"name": spec.name, "height": spec.height, "width": spec.width, "clips": None}
        if not self._videos[number] or info.get("video.codec", PLAYABLE[0]) not in PLAYABLE:
            return about
        files = {path: i for i, path in enumerate(self._videos[number])}
        starts = source.episodes.video_start_s[feature].tolist()
        lengths = (source.episodes.length_e / source.spec.fps).tolist()
        places = zip(source.episodes.video_files[feature], starts, lengths, strict=True)
        return {**about, "clips": [(files[path], start, start + length) for path, start, length in places]}


def _json_marks(marks: dict[int, Mark]) -> dict[str, str]:
    return {str(episode): str(mark) for episode, mark in marks.items()}


def _jpeg(picture: Any) -> bytes:
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=88)
    return data.getvalue()


class _Server(ThreadingHTTPServer):
    """One thread per request, on this machine only."""

    daemon_threads = True

    def __init__(self, page: LabelPage, port: int) -> None:
        self.page = page
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """Checks host and token, then answers one request."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The page, its state, a video or a frame."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """A mark."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the terminal quiet."""

    def _answer(self, handle: Any) -> None:
        """Turns what a request finds wrong into a status and one line of text."""
        try:
            rest = self._below_token()
            if rest is None:
                self._line(HTTPStatus.FORBIDDEN, "open the page at the address that hiwm data label printed")
            else:
                handle(rest)
        except (NotThere, BadPictures) as error:
            self._line(HTTPStatus.NOT_FOUND, str(error))
        except BadInput as error:
            self._line(HTTPStatus.BAD_REQUEST, str(error))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the browser has seen enough of a video

    def _below_token(self) -> str | None:
        """The path below the token, None without the right token or for another host (a page that rebinds its name)."""
        _, token, rest = (*self.path.split("/", 2), "", "")[:3]
        hosts = {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}
        trusted = hmac.compare_digest(token.encode(), self.server.page.token.encode())
        return rest if trusted and self.headers.get("Host") in hosts else None

    def _get(self, rest: str) -> None:
        page = self.server.page
        if rest == "":
            html = resources.files("hiwm.data").joinpath("label_page.html").read_bytes()
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", html)
        elif rest == "state":
            self._json(page.state())
        elif match := re.fullmatch(r"video/(\d{1,9})/(\d{1,9})", rest):
            self._video(page.video(int(match[1]), int(match[2])))
        elif match := re.fullmatch(r"frame/(\d{1,9})/(\d{1,9})/(\d{1,9})", rest):
            self._send(HTTPStatus.OK, "image/jpeg", page.jpeg(*map(int, match.groups())))
        else:
            raise NotThere("there is nothing at this address")

    def _post(self, rest: str) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            raise BadInput(f"expected a body of at most {MAX_BODY} bytes")
        body = self.rfile.read(int(length))
        if rest != "mark":
            raise NotThere("there is nothing at this address")
        self._json(self.server.page.mark(body))

    def _video(self, path: Path) -> None:
        """A whole file or the range of it that the browser asks for (RFC 9110, section 14)."""
        size = path.stat().st_size
        span = byte_range(self.headers.get("Range"), size)
        if span is None:
            return self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "text/plain", b"", f"bytes */{size}")
        first, last = span
        partial = "Range" in self.headers
        self._head(
            HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK,
            "video/mp4",
            last - first + 1,
            f"bytes {first}-{last}/{size}" if partial else None,
        )
        with open(path, "rb") as file:
            file.seek(first)
            self._copy(file, last - first + 1)

    def _copy(self, file: BinaryIO, count: int) -> None:
        while count and (data := file.read(min(CHUNK, count))):
            self.wfile.write(data)
            count -= len(data)

    def _json(self, data: dict[str, Any]) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(data).encode())

    def _line(self, status: HTTPStatus, words: str) -> None:
        self._send(status, "text/plain; charset=utf-8", words.encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes, content_range: str | None = None) -> None:
        self._head(status, kind, len(body), content_range)
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, length: int, content_range: str | None = None) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(length), "Accept-Ranges": "bytes", **HEADERS}
        for name, value in headers.items():
            self.send_header(name, value)
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that a Range header asks of a file, the whole file without one, None if it cannot be met."""
    if header is None:
        return 0, size - 1
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        first, last = max(0, size - int(match[2])), size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
    return (first, last) if first <= last else None
