"""The teacher: the base with a user's demonstrations in its prompt. Asks the served model."""

from collections.abc import Callable, Sequence

from feedback.memory.from_examples import demonstrated, few_shot_memory
from feedback.records import Memory, Message, TrainingExample
from scheduler.augmentation.reference_replies import ReferenceReplies
from scheduler.evaluation.degeneration import is_sound
from scheduler.evaluation.plain_questions import ANSWER_TOKENS, PLAIN_QUESTIONS, are_answered
from scheduler.fit.lessons import NUM_TOP, Lessons, TeacherReply
from scheduler.served_model import (
    Adapter,
    Prompt,
    Reply,
    ServedModel,
    mean_log_prob,
    user_prompt,
)
from scheduler.teaching.evidence import MIN_DEMONSTRATIONS, Evidence, LeftOut
from scheduler.teaching.prompts import (
    TeachingPrompt,
    after_exchange,
    curriculum,
    without_example,
)
from scheduler.teaching.questions import LINE_TOKENS, new_questions, own_questions, question_lists
from scheduler.teaching.stranger import STRANGER

REPLY_TOKENS = 80
MAX_LEFT_OUT = 16
"""The newest texts are enough as evidence."""

IsCancelled = Callable[[], bool]


class Teacher:
    """Gathers evidence and writes lessons. All methods raise what the `ServedModel` raises."""

    def __init__(self, model: ServedModel, references: ReferenceReplies) -> None:
        self._model = model
        self._references = references

    def evidence(self, examples: Sequence[TrainingExample], is_cancelled: IsCancelled) -> Evidence:
        """What left-out texts and plain questions say of the examples as demonstrations."""
        memory = few_shot_memory(examples)
        texts = demonstrated(examples)[-MAX_LEFT_OUT:]
        if len(texts) < MIN_DEMONSTRATIONS:
            return Evidence((), 0, 0, 0)
        alone, own, stranger = (
            self._log_probs(texts, memories, None, is_cancelled)
            for memories in (
                [Memory()] * len(texts),
                [without_example(memory, each) for each in texts],
                [STRANGER] * len(texts),
            )
        )
        left_out = tuple(map(LeftOut, alone, own, stranger))
        return Evidence(
            left_out,
            len(PLAIN_QUESTIONS),
            sum(self.answered_by_base(is_cancelled)),
            sum(self.answered(memory, None, is_cancelled)),
        )

    def answered_by_base(self, is_cancelled: IsCancelled) -> tuple[bool, ...]:
        """Which plain questions the base answers by itself."""
        return are_answered([answer for _, answer in self._references.plain(is_cancelled)])

    def earlier_exchange(self, is_cancelled: IsCancelled) -> tuple[str, str]:
        """A prompt and the base's reply, for questions to stand after."""
        return self._references.synthetic(is_cancelled)[0]

    def answered(
        self,
        memory: Memory,
        adapter: Adapter,
        is_cancelled: IsCancelled,
        *,
        after: tuple[str, str] | None = None,
    ) -> tuple[bool, ...]:
        """Which plain questions are answered as they are `shown`."""
        prompts = [user_prompt(each.text, ANSWER_TOKENS) for each in PLAIN_QUESTIONS]
        asked = [
            Prompt(self.shown(each.messages, memory, after), each.max_tokens) for each in prompts
        ]
        replies = self._model.reply(asked, adapter, is_cancelled)
        return are_answered([each.text for each in replies])

    def left_out_log_probs(
        self,
        texts: Sequence[TrainingExample],
        memory: Memory,
        adapter: Adapter,
        is_cancelled: IsCancelled,
        *,
        after: tuple[str, str] | None = None,
    ) -> list[float]:
        """The log-probability of each text in nats per token, with one memory for all.

        Their conversations are as they are `shown`.
        """
        return self._log_probs(texts, [memory] * len(texts), adapter, is_cancelled, after)

    def shown(
        self, messages: Sequence[Message], memory: Memory, after: tuple[str, str] | None = None
    ) -> tuple[Message, ...]:
        """A conversation as a chat would ask it with memory, after another exchange if there is."""
        asked = messages if after is None else after_exchange(messages, after)
        return self._model.remember(asked, memory)

    def lessons(
        self,
        examples: Sequence[TrainingExample],
        seed: int,
        is_cancelled: IsCancelled,
    ) -> Lessons:
        """What the teacher replies to prompts to learn from, and to unseen ones."""
        questions = own_questions(examples)
        lists = question_lists(questions, seed)
        lines = self._model.continue_lines(lists, LINE_TOKENS, seed, is_cancelled)
        invented = new_questions(lines, questions)
        prompts = curriculum(examples, invented, self._references.synthetic(is_cancelled))
        taught, unseen = (self._write(e, is_cancelled) for e in (prompts.taught, prompts.unseen))
        return Lessons(taught, unseen)

    def _write(
        self, prompts: Sequence[TeachingPrompt], is_cancelled: IsCancelled
    ) -> tuple[TeacherReply, ...]:
        """The teacher's replies to the prompts, without those that say nothing or loop."""
        shown = [self._model.remember(each.asked, each.memory) for each in prompts]
        replies = self._model.reply(
            [Prompt(each, REPLY_TOKENS) for each in shown], None, is_cancelled
        )
        sound = [
            (prompt, reply)
            for prompt, reply in zip(prompts, replies, strict=True)
            if is_sound(reply.text)
        ]
        said = [reply for _, reply in sound]
        scored = self._model.score(said, None, is_cancelled, num_top=NUM_TOP)
        return tuple(
            TeacherReply(
                prompt.messages,
                reply.messages,
                self._model.remember(prompt.later, prompt.memory) if prompt.later else (),
                reply.text,
                tuple(each.id for each in tokens),
                tuple(each.top for each in tokens),
            )
            for (prompt, reply), tokens in zip(sound, scored, strict=True)
        )

    def _log_probs(
        self,
        texts: Sequence[TrainingExample],
        memories: Sequence[Memory],
        adapter: Adapter,
        is_cancelled: IsCancelled,
        after: tuple[str, str] | None = None,
    ) -> list[float]:
        replies = [
            Reply(self.shown(each.messages, memory, after), each.chosen, each.is_truncated)
            for each, memory in zip(texts, memories, strict=True)
        ]
        return list(map(mean_log_prob, self._model.score(replies, adapter, is_cancelled)))
