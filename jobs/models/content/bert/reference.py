"""What a model like BERT computes, in float32 and in numpy: to check faster ways by."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.models.content.bert.weights import Linear, Matrix, Norm, TransformerWeights


def vectors(weights: TransformerWeights, texts: Sequence[Sequence[int]], first_token: bool) -> Matrix:
    """The vectors of texts, float32 (n, width), of length 1. texts: the tokens of each."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # products this small gain nothing from more, and other tasks have the cores
        return np.stack([_vector(weights, np.asarray(tokens), first_token) for tokens in texts])


def _vector(weights: TransformerWeights, tokens: NDArray[np.int64], first_token: bool) -> Matrix:
    from scipy.special import ndtr

    length, heads = len(tokens), weights.heads
    places = weights.places[weights.first_place : weights.first_place + length]
    states = _norm(weights.words[tokens] + places, weights.norm, weights.epsilon)
    for layer in weights.layers:
        q, k, v = _linear(states, layer.attend).reshape(length, 3, heads, -1).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[-1]))
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        found = (shares / shares.sum(axis=-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(length, -1)
        states = _norm(states + _linear(found, layer.attended), layer.norm, weights.epsilon)
        inner = _linear(states, layer.up)
        states = _norm(states + _linear(inner * ndtr(inner), layer.down), layer.last, weights.epsilon)
    pooled = states[0] if first_token else states.mean(axis=0)
    return pooled / np.linalg.norm(pooled)


def _linear(x: Matrix, product: Linear) -> Matrix:
    return x @ product.weight.T + product.bias


def _norm(x: Matrix, norm: Norm, epsilon: float) -> Matrix:
    apart = x - x.mean(axis=1, keepdims=True)
    spread = np.sqrt((apart * apart).mean(axis=1, keepdims=True) + np.float32(epsilon))
    return apart / spread * norm.gain + norm.bias
