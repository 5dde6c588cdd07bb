"""The methods to compare, by name."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jobs.config.presets import AUTO
from jobs.errors import ConfigError
from jobs.evaluation.methods.baselines import CategoryPopular, ItemCosine, OwnRepeats, Popular
from jobs.evaluation.methods.baskets import TifuKnn, UpCf
from jobs.evaluation.methods.linear import Als, Ease
from jobs.evaluation.methods.repertoire import Repertoire
from jobs.evaluation.methods.text_similarity import TextSimilarity
from jobs.evaluation.methods.walk import RecentWalk
from jobs.evaluation.problems.problem import Method

if TYPE_CHECKING:
    from jobs.models.pretrained.store import Pretrained

BASELINES: dict[str, Callable[[], Method]] = {
    made.name: made for made in (Popular, CategoryPopular, OwnRepeats, TifuKnn, UpCf, ItemCosine, RecentWalk, Ease, Als)
}

CLOSED_FORMS: dict[str, Callable[[], Method]] = {Repertoire.name: Repertoire, TextSimilarity.name: TextSimilarity}
"""Models that need no preset: no baselines, and measured only where they are named."""


def methods(
    names: Sequence[str] | None,
    presets: Sequence[str] = (),
    pretrained: "Pretrained | None" = None,
    *,
    scratch: bool = True,
) -> list[Method]:
    """Make new, unfitted methods. names: of BASELINES and CLOSED_FORMS; None: all BASELINES. presets: Daybreak with
    each is a method too; AUTO chooses one. pretrained: and Daybreak that begins with this is one more, of each named
    preset. scratch: whether Daybreak that begins with nothing is one at all.

    Raises ConfigError for an unknown name, and for AUTO with a pretrained model.
    """
    if pretrained is not None and AUTO in presets:
        raise ConfigError("--from: name the preset that the pretrained model was made with, in place of auto")
    known = BASELINES | CLOSED_FORMS
    for name in names or ():
        if name not in known:
            raise ConfigError(f"--methods: unknown method {name!r}; expected some of {', '.join(known)}")
    made = [known[name]() for name in known if name in (BASELINES if names is None else names)]
    if presets:
        from jobs.evaluation.methods.auto import Auto
        from jobs.evaluation.methods.daybreak import Daybreak

        made += [Auto() if preset == AUTO else Daybreak(preset) for preset in presets if scratch]
        if pretrained is not None:
            made += [Daybreak(preset, pretrained=pretrained) for preset in presets]
    return made
