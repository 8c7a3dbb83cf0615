"""`loralei chat`: talk to your own model, and say what you think of each reply."""

from collections.abc import Callable, Mapping
from typing import Any

from feedback.text.counts import count
from server.cli.terminal import Terminal
from server.client import ApiError, Client, Reply

Message = Mapping[str, str]

HELP = """\
/up               the reply is good
/down [REASON]    the reply is bad, and why
/edit [TEXT]      correct the reply; without a text, in your editor ($EDITOR)
/comment TEXT     say what is wrong with it
/again            write another reply
/better           after /again: this reply is better than the one before
/learned          what your model has learned from you
/quit             the end; so is Ctrl-D. Ctrl-C stops a reply
A message that begins with / needs a space before it."""


class ChatSession:
    """One chat, line by line. A line is a message or a command.

    `ApiError` is shown and never ends it, except from `start`.
    """

    def __init__(self, client: Client, terminal: Terminal) -> None:
        self._client = client
        self._terminal = terminal
        self._asked: list[Message] = []  # up to the message that `_reply` answers
        self._reply: Reply | None = None
        self._earlier: Reply | None = None  # before /again
        self._text = ""  # of the reply, as corrected if it was
        self._commands: dict[str, Callable[[str], None]] = {
            "/up": lambda _: self._like(),
            "/down": self._dislike,
            "/edit": self._correct,
            "/comment": self._comment,
            "/again": lambda _: self._answer_again(),
            "/better": lambda _: self._prefer(),
            "/learned": lambda _: self._show_learned(),
            "/help": lambda _: terminal.note(HELP),
        }

    def start(self) -> None:
        """Greet the key's owner. Raises `ApiError` if the key is refused."""
        me = self._client.me()
        self._terminal.note(
            f"{me['user']['name']}, you chat with {_named(me['adapter'])}. "
            "/up, /down, /edit and /again judge a reply; /help shows all commands."
        )

    def run(self) -> None:
        """Read lines until the end, or /quit."""
        while True:
            try:
                line = self._terminal.read()
                if line is None or line.strip() == "/quit":
                    return
                if line.strip():
                    self._take(line)
            except KeyboardInterrupt:
                self._terminal.note("Ctrl-D or /quit ends the chat.")
            except ApiError as error:
                self._terminal.note(f"Error: {error}")

    def _take(self, line: str) -> None:
        if not line.startswith("/"):
            self._answer(line.strip())
            return
        name, *rest = line.split(maxsplit=1)
        if name in self._commands:
            self._commands[name](" ".join(rest).strip())
        else:
            self._terminal.note(f"{name} is no command. /help shows them all.")

    def _answer(self, text: str) -> None:
        before = [*self._asked, {"role": "assistant", "content": self._text}]
        messages = [*(before if self._text.strip() else self._asked[:-1]), _user(text)]
        reply = self._write(messages)
        if reply is not None:
            self._asked, self._earlier = messages, None
            self._reply, self._text = reply, reply.text

    def _answer_again(self) -> None:
        if not self._asked:
            self._terminal.note("There is no reply yet.")
            return
        reply = self._write(self._asked)
        if reply is not None:
            self._earlier = self._reply
            self._reply, self._text = reply, reply.text

    def _write(self, messages: list[Message]) -> Reply | None:
        """Show a reply as it is written; None if nothing of it came."""
        stream = None
        try:
            with self._client.stream(messages) as stream:
                for text in stream:
                    self._terminal.write(text)
        except KeyboardInterrupt:
            self._terminal.note("Stopped.")
        except ApiError as error:
            self._terminal.note(f"Error: {error}")
        reply = stream.reply if stream else None
        if reply is None or not (reply.text or reply.finish_reason):
            return None
        self._terminal.note("\n".join((_answered_by(reply), *reply.notices)))
        return reply

    def _like(self) -> None:
        self._judge(rating="up")

    def _dislike(self, reason: str) -> None:
        self._judge(rating="down", comment=reason or None)

    def _comment(self, text: str) -> None:
        if text:
            self._judge(comment=text)
        else:
            self._terminal.note("Say what is wrong: /comment TEXT")

    def _correct(self, text: str) -> None:
        if not self._can_be_judged():
            return
        edited = text or self._terminal.edit(self._text)
        if edited is None:
            self._terminal.note("Your editor did not work: set EDITOR, or write /edit TEXT.")
        elif not edited.strip() or edited.strip() == self._text.strip():
            self._terminal.note("The reply is unchanged.")
        elif self._judge(correction=edited.strip()):
            self._text = edited.strip()

    def _prefer(self) -> None:
        if self._earlier is None or self._earlier.finish_reason is None:
            self._terminal.note("There is no other reply to compare with: /again writes one.")
        else:
            self._judge(preferred_over=self._earlier.id)

    def _judge(self, **said: Any) -> bool:
        """Send feedback on the reply; whether it was stored."""
        if not self._can_be_judged():
            return False
        assert self._reply is not None
        self._client.feedback(self._reply.id, **said)
        self._terminal.note("Saved. Your model learns from it.")
        return True

    def _can_be_judged(self) -> bool:
        """Whether there is a whole reply; says so if not."""
        is_whole = self._reply is not None and self._reply.finish_reason is not None
        if not is_whole:
            self._terminal.note("There is no whole reply to judge.")
        return is_whole

    def _show_learned(self) -> None:
        self._terminal.note("\n".join(learned_lines(self._client.me(), self._client.rules())))


def learned_lines(me: Mapping[str, Any], rules: list[dict[str, Any]]) -> list[str]:
    """What a user's model has learned, of `GET /v1/me` and `GET /v1/me/rules`."""
    learned, memory, counts = me["learned"], me["memory"], me["counts"]
    lines = [f"You are answered by {_named(me['adapter'])}."]
    if learned["feedback"]:
        corrections = count(learned["corrections"], "correction")
        items = count(learned["feedback"], "item")
        lines.append(f"It learned from {items} of your feedback, with {corrections}.")
    if memory["demonstrations"] or memory["notes"]:
        lines.append(f"Prompts can show {_shown(memory)} of yours.")
    if not counts["feedback"]:
        lines.append("You have given no feedback yet.")
    lines += [f"- {_rule(each)}" for each in rules]
    if learned["teacher"]:
        lines.append(learned["teacher"]["sentence"])
    if me["withdrawn"]:
        lines.append(me["withdrawn"])
    return lines


def _rule(rule: Mapping[str, Any]) -> str:
    decided = "" if rule["status"] == "learned" else f" ({rule['status']})"
    return f"{rule['sentence']}{decided}"


def _answered_by(reply: Reply) -> str:
    memory = reply.memory
    shown = (
        f", with {_shown(memory)} of yours" if memory["demonstrations"] or memory["notes"] else ""
    )
    return f"[{_named(reply.adapter)}{shown}]"


def _shown(memory: Mapping[str, int]) -> str:
    """Such as "2 examples and 1 comment"."""
    counts = ((memory["demonstrations"], "example"), (memory["notes"], "comment"))
    return " and ".join(count(number, noun) for number, noun in counts if number)


def _named(adapter: str) -> str:
    return "the base model" if adapter == "base" else adapter


def _user(text: str) -> Message:
    return {"role": "user", "content": text}
