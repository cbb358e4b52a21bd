"""The quality model from examples: a small network, fitted by scikit-learn, calibrated on photos it had not seen."""

from __future__ import annotations

import ast
import hashlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import imaging
from batch.quality.examples import Examples, one_hot
from imaging import bayes
from imaging.model import CLASSES
from imaging.network import TRANSFORMS, Layer, NetworkModel, Training, standardise, transformed
from imaging.quality import MEASUREMENTS

Numbers = NDArray[np.float64]

HIDDEN = 48
NETWORKS = 6  # whose scores are averaged
_PASSES = 100
_PENALTY = 0.05
_GOOD_SHARE = 0.5  # what the probabilities assume: every second photo is good, the kinds of damage equally frequent
_DECIMALS = 5
_MEASURING = (
    "blurring",
    "decode",
    "degrade",
    "exposure",
    "jpeg",
    "lighting",
    "noise",
    "quality",
    "room",
    "sharpness",
    "spectrum",
)
_MAKING = ("cameras", "examples", "patterns", "scenes", "train")
_TEMPERATURES = np.geomspace(0.5, 4.0, 61)


def train(examples: Examples, seed: int, note: str = "") -> NetworkModel:
    """A calibrated network; the same examples and seed give the same model.

    Raises ValueError for a class without examples.
    """
    labels = examples.labels
    for name in CLASSES:
        if not (labels == name).any():
            raise ValueError(f"no example of class {name}")
    names = np.array([f"{row.scene}/{row.photo}" for row in examples.rows])
    _, places = np.unique(names, return_inverse=True)
    second = np.random.default_rng([seed, 5]).permutation(int(places.max()) + 1)[places] % 2 == 1
    trained = Training(examples.fingerprint, code_fingerprint(), seed, examples.photos, note)
    values = examples.measurements
    with threadpool_limits(1):  # another number of threads adds up in another order
        scores = np.empty((len(labels), len(CLASSES)))
        for held_out in (second, ~second):
            if all((labels[~held_out] == name).any() for name in CLASSES):
                part = _fit(values[~held_out], labels[~held_out], seed, 1, trained)
                scores[held_out] = part.scores(values[held_out])
        model = _fit(values, labels, seed, NETWORKS, trained)
    return replace(model, temperature=_temperature(scores, labels))


def train_baseline(examples: Examples) -> bayes.GaussianModel:
    """The baseline on the same examples: Gaussian naive Bayes over thirteen measurements."""
    return bayes.fit(examples.measurements, examples.labels.tolist(), examples.scenes.tolist(), examples.fingerprint)


def code_fingerprint() -> str:
    """16 hex digits over the code that measures and makes examples: another one means, train again.

    Comments, docstrings and layout don't count.
    """
    digest = hashlib.sha256()
    folders = ((Path(imaging.__file__).parent, _MEASURING), (Path(__file__).parent, _MAKING))
    for folder, names in folders:
        for name in names:
            tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
                    and ast.get_docstring(node) is not None
                ):
                    node.body = node.body[1:] or [ast.Pass()]
            digest.update(f"{name}\0{ast.unparse(tree)}\0".encode())
    return digest.hexdigest()[:16]


def _fit(values: Numbers, labels: NDArray[np.str_], seed: int, networks: int, trained: Training) -> NetworkModel:
    transforms = tuple(TRANSFORMS[name] for name in MEASUREMENTS)
    inputs = transformed(values, transforms)
    centres, scales = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    inputs = standardise(values, transforms, centres, scales)
    made = [_network(inputs, labels, seed * 100 + index) for index in range(networks)]
    order = [list(made[0].classes_).index(name) for name in CLASSES]
    # Side by side in one hidden layer, they average their scores in the output.
    hidden = Layer(
        _rows(np.concatenate([each.coefs_[0] for each in made], axis=1)),
        _numbers(np.concatenate([each.intercepts_[0] for each in made])),
    )
    outputs = Layer(
        _rows(np.concatenate([each.coefs_[1][:, order] for each in made]) / networks),
        _numbers(np.mean([each.intercepts_[1][order] for each in made], axis=0)),
    )
    return NetworkModel(MEASUREMENTS, transforms, _numbers(centres), _numbers(scales), (hidden, outputs), 1.0, trained)


def _network(inputs: Numbers, labels: NDArray[np.str_], seed: int) -> MLPClassifier:
    network = MLPClassifier(
        (HIDDEN,),
        alpha=_PENALTY,
        batch_size=min(128, len(labels)),
        learning_rate_init=2e-3,
        max_iter=_PASSES,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of passes is the choice
        return network.fit(inputs, labels, sample_weight=_weights(labels))


def _weights(labels: NDArray[np.str_]) -> Numbers:
    """A weight a row, 1 on average: good rows have half of all, the other classes equal parts of the rest."""
    weights = np.empty(len(labels))
    for name in CLASSES:
        share = _GOOD_SHARE if name == "good" else (1 - _GOOD_SHARE) / (len(CLASSES) - 1)
        weights[labels == name] = share / max(1, int((labels == name).sum()))
    return weights * len(labels)


def _temperature(scores: Numbers, labels: NDArray[np.str_]) -> float:
    """The temperature under which held-out scores explain the labels best. Guo 2017."""
    weights, truth = _weights(labels), one_hot(labels).astype(bool)

    def surprise(temperature: float) -> float:
        scaled = scores / temperature
        top = scaled.max(axis=1)
        return float(np.mean(weights * (np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top - scaled[truth])))

    return round(float(min(_TEMPERATURES, key=surprise)), _DECIMALS)


def _rows(values: Numbers) -> tuple[tuple[float, ...], ...]:
    return tuple(_numbers(row) for row in values)


def _numbers(values: Numbers) -> tuple[float, ...]:
    return tuple(round(float(value), _DECIMALS) for value in values)
