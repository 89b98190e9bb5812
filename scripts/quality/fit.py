"""Fits the estimates of the mean opinion score, and judges them by fits that never saw the source or the encoder."""

from dataclasses import dataclass

import numpy as np

# The terms in the order of `Coefficients` in src/facts/mos.rs. The last three need decoded pictures.
TERMS = ["constant", "hevc", "quantizer", "quantizer_squared", "upscaling", "spatial", "temporal", "quantizer_spatial"]
CONTENT = {"spatial", "temporal", "quantizer_spatial"}
METHODS = {
    "qp": [term for term in TERMS if term not in CONTENT],
    "qp+si": TERMS,
}
# A ridge on all terms but the constant, so that a fit of few sources doesn't run away.
RIDGE = 0.003
# Finer quantizers count as this one, from which on nobody sees a difference.
FINEST = 18
# Weight of a starved picture: one that is said to be good is the worst error.
STARVED = 3


@dataclass
class Clip:
    source: str
    group: str
    kind: str
    encoder: str
    hevc: bool
    quantizer: float
    upscaling: float
    spatial: float
    temporal: float
    vmaf: float

    @property
    def mos(self):
        return 1 + self.vmaf / 25

    def terms(self):
        quantizer = (min(max(self.quantizer, FINEST), 51) - 30) / 10
        spatial = np.log(max(self.spatial, 1))
        return {
            "constant": 1.0,
            "hevc": float(self.hevc),
            "quantizer": quantizer,
            "quantizer_squared": quantizer**2,
            "upscaling": np.log2(max(self.upscaling, 1)),
            "spatial": spatial,
            "temporal": np.log(max(self.temporal, 0) + 1),
            "quantizer_spatial": quantizer * spatial,
        }


def matrix(clips, method):
    return np.array([[clip.terms()[term] for term in METHODS[method]] for clip in clips])


def scores(coefficients, terms):
    return 1 + 4 / (1 + np.exp(-np.clip(terms @ coefficients, -30, 30)))


def fit(clips, method):
    """Least squares of the score, by Levenberg and Marquardt. Each group of sources has the same weight, a starved picture more."""
    terms, wanted = matrix(clips, method), np.array([clip.mos for clip in clips])
    sizes = {group: sum(clip.group == group for clip in clips) for group in {clip.group for clip in clips}}
    shares = [len(clips) / len(sizes) / sizes[clip.group] * (STARVED if clip.vmaf < 40 else 1) for clip in clips]
    weights = np.sqrt(np.array(shares))
    ridge = RIDGE * len(clips) * np.diag([0.0] + [1.0] * (terms.shape[1] - 1))
    coefficients, damping = np.zeros(terms.shape[1]), 1.0

    def cost(c):
        error = weights * (scores(c, terms) - wanted)
        return error @ error + c @ ridge @ c

    for _ in range(500):
        odds = 1 / (1 + np.exp(-np.clip(terms @ coefficients, -30, 30)))
        slope = (weights * 4 * odds * (1 - odds))[:, None] * terms
        error = weights * (1 + 4 * odds - wanted)
        gradient, curvature = slope.T @ error + ridge @ coefficients, slope.T @ slope + ridge
        step = np.linalg.solve(curvature + damping * np.eye(len(coefficients)), -gradient)
        if cost(coefficients + step) < cost(coefficients):
            coefficients, damping = coefficients + step, damping / 3
            if np.abs(step).max() < 1e-7:
                break
        else:
            damping *= 4
            if damping > 1e12:
                break
    return coefficients


def held_out(clips, method, of):
    """Scores of clips by fits that saw no clip of the same `of`, such as its source's group."""
    found = np.zeros(len(clips))
    for name in sorted({of(clip) for clip in clips}):
        inside = np.array([of(clip) == name for clip in clips])
        coefficients = fit([clip for clip in clips if of(clip) != name], method)
        found[inside] = scores(coefficients, matrix([clip for clip in clips if of(clip) == name], method))
    return found


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 and np.std(a) > 0 and np.std(b) > 0 else float("nan")


def ranks(values):
    return np.argsort(np.argsort(values)).astype(float)


def rank_within_sources(clips, found):
    """Median over sources of the rank correlation between estimate and score."""
    wanted = np.array([clip.mos for clip in clips])
    values = []
    for source in sorted({clip.source for clip in clips}):
        inside = np.array([clip.source == source for clip in clips])
        if inside.sum() > 4:
            values.append(correlation(ranks(found[inside]), ranks(wanted[inside])))
    return float(np.median(values)), float(np.min(values))


def row(name, clips, found):
    wanted = np.array([clip.mos for clip in clips])
    rms = float(np.sqrt(np.mean((found - wanted) ** 2)))
    starved = [f for clip, f in zip(clips, found) if clip.vmaf < 40]
    good = [f for clip, f in zip(clips, found) if clip.vmaf > 85]
    starved_high, good_low = sum(f >= 3.5 for f in starved), sum(f < 3.5 for f in good)
    median, worst = rank_within_sources(clips, found)
    print(f"| {name} | {len(clips)} | {correlation(found, wanted):.2f} | {rms:.2f} | {median:.2f} ({worst:.2f}) "
          f"| {starved_high} of {len(starved)} | {good_low} of {len(good)} |")


def report(clips):
    """Prints the table of errors and the coefficients."""
    natural = [clip.kind in ("film", "camera") for clip in clips]
    print("| method and held out | clips | correlation with VMAF | rms error of the MOS | rank within a source: median (worst) "
          "| under VMAF 40 said 3.5 or more | over VMAF 85 said under 3.5 |")
    print("|---|---|---|---|---|---|---|")
    for method in METHODS:
        by_source = held_out(clips, method, lambda clip: clip.group)
        row(f"`{method}`, a source, all", clips, by_source)
        chosen = [clip for clip, inside in zip(clips, natural) if inside]
        row(f"`{method}`, a source, film and camera", chosen, by_source[np.array(natural)])
        row(f"`{method}`, an encoder, all", clips, held_out(clips, method, lambda clip: clip.encoder))
        if len(chosen) < len(clips):
            row(f"`{method}`, an encoder, film and camera", chosen,
                held_out(chosen, method, lambda clip: clip.encoder))
    for method in METHODS:
        print(f"\n{method}:")
        for term, value in zip(METHODS[method], fit(clips, method)):
            print(f"    {term}: {value:.3f},")
