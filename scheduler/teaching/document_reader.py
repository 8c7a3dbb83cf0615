"""Has the base write questions and answers about the organisation's documents, and checks them."""

from collections.abc import Callable, Sequence

from feedback.records import Document, DocumentQuestion, Message
from feedback.store.documents import Documents
from scheduler.served_model import Prompt, Reply, ServedModel
from scheduler.teaching.documents import (
    answer_prompt,
    is_supported,
    passages,
    question_prompt,
)
from scheduler.teaching.questions import new_questions

REPLY_TOKENS = 80

IsCancelled = Callable[[], bool]


class DocumentReader:
    """Reads each document once. `model_name` is recorded with what the base said."""

    def __init__(self, documents: Documents, model: ServedModel, model_name: str) -> None:
        self._documents = documents
        self._model = model
        self._model_name = model_name

    def read_new(self, is_cancelled: IsCancelled, on_phase: Callable[[str, float], None]) -> None:
        """Make the questions of all documents without any; each is stored when it is done.

        Raises what the `ServedModel` raises.
        """
        new = [each for each in self._documents.all() if not each.is_read]
        for number, document in enumerate(new):
            on_phase(f"asking about document {number + 1} of {len(new)}", 0.0)
            made, rejected = self._read(document, is_cancelled)
            self._documents.store_questions(
                document.id, made, rejected=rejected, model=self._model_name
            )

    def _read(
        self, document: Document, is_cancelled: IsCancelled
    ) -> tuple[list[DocumentQuestion], int]:
        """The questions that passed the check, and how many did not."""
        parts = passages(document.text)
        written = self._ask([question_prompt(each) for each in parts], is_cancelled)
        asked: list[tuple[str, str]] = []
        for passage, reply in zip(parts, written, strict=True):
            lines = [each for each in reply.text.splitlines() if each.strip()]
            found = new_questions(lines, [question for _, question in asked])
            asked += [(passage, each) for each in found if each.endswith(("?", "？"))]
        answers = self._ask([answer_prompt(*each) for each in asked], is_cancelled)
        unaided = self._ask([(Message("user", each),) for _, each in asked], is_cancelled)
        made = [
            DocumentQuestion(question, answer.text.strip(), base.text)
            for (passage, question), answer, base in zip(asked, answers, unaided, strict=True)
            if not answer.is_truncated
            and is_supported(passage, question, answer.text)
            and answer.text.strip() != base.text.strip()
        ]
        return made, len(asked) - len(made)

    def _ask(
        self, conversations: Sequence[tuple[Message, ...]], is_cancelled: IsCancelled
    ) -> list[Reply]:
        prompts = [Prompt(each, REPLY_TOKENS) for each in conversations]
        return self._model.reply(prompts, None, is_cancelled) if prompts else []
