"""Seeded damage to good photos, of the kinds that cameras do, to train and test the quality model with.

A kind has families: ways in which it comes about. Training uses some of them, the evaluation others too. Severity 0 is
the mildest that counts as damaged, 1 is strong; well under half of the mildest counts as good. Lengths are in pixels of
the working scale (longer side 1024), so that damage looks the same there whatever the camera's resolution.

| kind | mildest | strong | still good |
|---|---|---|---|
| blur | disc of radius 2 px | 9 px | up to 0.8 px |
| motion | path of 8 px | 40 px | up to 2 px |
| dark | 2.3 stops under | 5 | up to 1 stop |
| bright | 1.8 stops over | 4 | up to 0.5 stops |
| noise | 6 grey levels in mid-grey | 36 | up to 2.5 |
| moire | waves of 4.5 % in grey | 22 % | none |
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imaging import blurring, lighting
from imaging.blurring import disc
from imaging.jpeg import Pixels

__all__ = ["FAMILIES", "KINDS", "degrade", "disc"]

Damage = Callable[[Pixels, float, np.random.Generator], Pixels]

# The first family of a kind is what `degrade` does unless told otherwise.
FAMILIES: dict[str, dict[str, Damage]] = {
    "blur": {
        "disc": blurring.defocus,
        "half": blurring.half_defocus,
        "fog": blurring.fog,
        "cover": blurring.cover,
        "hexagon": blurring.hexagon,
        "gaussian": blurring.gaussian,
    },
    "motion": {"path": blurring.path, "shake": blurring.shake},
    "dark": {"exposure": lighting.underexposed, "gamma": lighting.darkened},
    "bright": {"exposure": lighting.overexposed, "glare": lighting.glare, "gain": lighting.brightened},
    "noise": {"sensor": lighting.sensor_noise, "additive": lighting.additive_noise},
    "moire": {"screen": lighting.screen, "stripes": lighting.stripes},
}
KINDS = tuple(FAMILIES)


def degrade(rgb: Pixels, kind: str, severity: float, rng: np.random.Generator, family: str | None = None) -> Pixels:
    """uint8 (h, w, 3): `rgb` damaged by a family of one of `KINDS`, at a severity from 0 (mild) to 1 (strong).

    Raises ValueError for another kind or family.
    """
    if kind not in FAMILIES:
        raise ValueError(f"no damage called {kind!r}; there are {', '.join(KINDS)}")
    families = FAMILIES[kind]
    name = family or next(iter(families))
    if name not in families:
        raise ValueError(f"no family {name!r} of {kind}; there are {', '.join(families)}")
    return families[name](rgb, min(max(severity, 0.0), 1.0), rng)
