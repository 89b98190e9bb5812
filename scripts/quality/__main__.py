"""Calibrates the estimate of the mean opinion score: encodes sources, measures VMAF, reads quantizers and content by
`packager_exporter inspect`, and fits. Prints the table of docs/signal.md and the coefficients of src/facts/mos.rs.

Run by `make quality`, which installs what it needs in a scratch folder.
"""

import argparse
import json
import re
import subprocess
from pathlib import Path

import imageio_ffmpeg

import clips as corpus
import fit


def inspected(exporter, path):
    """What the exporter says of an encode; the answer is kept beside it."""
    kept = path.with_suffix(".inspect.json")
    if not kept.exists():
        done = subprocess.run([exporter, "inspect", "--format", "json", path], capture_output=True, text=True, check=False)
        kept.write_text(done.stdout)
    return json.loads(kept.read_text())


def traced(ffmpeg, path):
    """Mean quantizer of P and B slices by ffmpeg's filter trace_headers, of each picture's first slice."""
    command = [ffmpeg, "-v", "info", "-i", path, "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    hevc = "Video: hevc" in text
    initial, picture_set, first, kind, found = {}, 0, False, 0, []
    for name, value in re.findall(r"^\[trace_headers[^\]]*\] \d+ +(\S+) .* = (-?\d+)$", text, re.M):
        value = int(value)
        if name in ("pic_parameter_set_id", "pps_pic_parameter_set_id", "slice_pic_parameter_set_id"):
            picture_set = value
        elif name in ("pic_init_qp_minus26", "init_qp_minus26"):
            initial[picture_set] = 26 + value
        elif name == "first_mb_in_slice":
            first = value == 0
        elif name == "first_slice_segment_in_pic_flag":
            first = value == 1
        elif name == "slice_type":
            kind = value
        elif name == "slice_qp_delta" and first:
            if kind != 2 if hevc else kind % 5 not in (2, 4):
                found.append(initial[picture_set] + value)
    return sum(found) / len(found) if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exporter", required=True, help="path of packager_exporter")
    parser.add_argument("--clips", required=True, help="folder of the unpacked clips")
    parser.add_argument("--folder", required=True, help="folder for references, encodes and results")
    parser.add_argument("--made-only", action="store_true", help="leave out encodes whose VMAF isn't there yet")
    arguments = parser.parse_args()
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    shop = corpus.Workshop(ffmpeg, arguments.clips, arguments.folder)
    found, differing = [], []
    for encode in corpus.ENCODES:
        for source in corpus.SOURCES:
            if arguments.made_only and not (Path(arguments.folder) / f"{source.name}-{encode.name}.vmaf.json").exists():
                continue
            vmaf, path = shop.vmaf(source, encode), shop.encode(source, encode)
            report = inspected(arguments.exporter, path)
            track, pictures = report["files"][0]["tracks"][0], report["signal"]["pictures"]
            quantizer = track["quantizer"]["p_and_b_slices"]
            by_ffmpeg = traced(ffmpeg, path)
            if by_ffmpeg is None or abs(by_ffmpeg - quantizer) > 0.006:
                differing.append((path.name, quantizer, by_ffmpeg))
            found.append(fit.Clip(
                source=source.name, group=source.group, kind=source.kind, encoder=encode.encoder.removesuffix("_fast"),
                hevc=track["codec"] == "hevc", quantizer=quantizer, upscaling=1 / encode.scale,
                spatial=pictures["spatial_information_mean"], temporal=pictures["temporal_information_mean"], vmaf=vmaf))
        print(f"{len(found)} clips, {encode.name} done", flush=True)
    sources, encoders = {clip.group for clip in found}, {clip.encoder for clip in found}
    print(f"{len(found)} clips of {len(sources)} sources and {len(encoders)} encoders: {', '.join(sorted(encoders))}.")
    print(f"Quantizers that differ from ffmpeg's trace_headers: {len(differing)}", *differing[:5], sep="\n")
    fit.report(found)


if __name__ == "__main__":
    main()
