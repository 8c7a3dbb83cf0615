"""Pairs of the base's own replies, ranked by a user's preference model. Pure.

The best of several samples is liked far more often than one is (best-of-n, Stiennon et al. 2020,
arXiv 2009.01325). A pair with the worst also shows what to move away from.
"""

from collections.abc import Sequence

from feedback.memory.preference_model import PreferenceModel
from feedback.records import ExampleKind, ExampleSource, TrainingExample
from scheduler.augmentation.samples import Samples
from scheduler.evaluation.degeneration import is_sound


def ranked_pairs(
    user_id: str, prefers: PreferenceModel, samples: Sequence[Samples]
) -> tuple[TrainingExample, ...]:
    """For each prompt the reply that the user would like most over the one they would like least.

    Replies that say nothing or loop are no choice. A prompt whose replies all score alike makes no
    pair.
    """
    made = []
    for sampled in samples:
        sound = sorted(
            (prefers(each.text), each.text, each.is_truncated)
            for each in sampled.replies
            if is_sound(each.text)
        )
        if not sound or sound[0][0] == sound[-1][0]:
            continue
        (_, worst, _), (_, best, is_truncated) = sound[0], sound[-1]
        made.append(
            TrainingExample(
                user_id=user_id,
                kind=ExampleKind.DPO,
                messages=sampled.messages,
                chosen=best,
                rejected=worst,
                source=ExampleSource.SYNTHETIC,
                conversation_id=ExampleSource.SYNTHETIC.value,
                created_at=0.0,
                is_truncated=is_truncated,
            )
        )
    return tuple(made)
