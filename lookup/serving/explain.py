"""Why an item has its score for a user now. Loaded by the first call of `Shop.explain`, not with `lookup`."""

import numpy as np

from lookup.scoring.explain import Because, Explanation, Feature, Used, item_shares
from lookup.serving.rerank import Rows, Scores, changed, features_now_and_at_night
from lookup.serving.session import UserSession
from lookup.serving.state import State


def explain(session: UserSession, item: int) -> Explanation:
    """The score of an item for a user, taken apart. item: its row."""
    state, parameters = session.state, session.state.release.score_parameters
    rows, _, weights = session.history
    ages, _, transitions, _, _ = session.terms
    counts, one = weights.astype(np.float64), np.array([item], dtype=np.int32)
    vectors = state.item_vectors(one)
    found, shares = item_shares(
        parameters,
        rows,
        state.item_inputs(rows),
        ages=ages,
        weights=counts,
        transitions=transitions,
        vectors=vectors,
        items=one,
    )
    _, _, gains = parameters.repeat_terms(rows, parameters.repeat_shares(ages, counts), transitions.item_repeat)
    itself = found == item
    bias, again = float(vectors[0, parameters.encoder.bias]), float(gains[itself].sum())
    if itself.any():
        bias *= parameters.kept_share
    place = np.searchsorted(found, rows)
    times = np.bincount(place, minlength=len(found))
    newest = np.full(len(found), np.inf)
    np.minimum.at(newest, place, ages)
    ranked = np.argsort(-shares[:, 0], kind="stable").tolist()
    ids = {n: state.id(int(found[n])) for n in ranked}
    because = tuple(
        Because(ids[n], float(shares[n, 0]), int(times[n]), float(newest[n]), _title(state, ids[n])) for n in ranked
    )
    score = session.scores(one)
    features, gain = _explain_delta(session, one, score)
    item_id = state.id(item)
    patched = sorted(state.patched.get(item_id, {}).items())
    used = tuple(Used(field, said.value, (session.now - said.at) / 1e6, said.source) for field, said in patched)
    title = _title(state, item_id)
    return Explanation(item_id, float(score[0]) + gain, because, bias, again, gain, features, used, title)


def _title(state: State, item_id: str) -> str | None:
    title = (state.record(item_id) or {}).get("title")
    return title if isinstance(title, str) and title.strip() else None


def _explain_delta(session: UserSession, row: Rows, score: Scores) -> tuple[tuple[Feature, ...], float]:
    """What each feature of the ranker gives for one item, the largest share first, and the rerank delta of the item.

    row, score: of the item, (1,).
    """
    ranker = session.state.release.ranker
    if ranker is None:
        return (), 0.0
    now, night = features_now_and_at_night(session, row, score)
    shares = ranker.contributions(now[0])
    deltas = ranker.delta_shares(now[0], night[0]) if changed(session, row)[0] else dict.fromkeys(shares, 0.0)
    found = (Feature(name, share, deltas[name]) for name, share in shares.items())
    return tuple(sorted(found, key=lambda one: -abs(one.share))), sum(deltas.values())
