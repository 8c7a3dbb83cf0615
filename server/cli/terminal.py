"""The terminal of `loralei chat`: lines in, replies to stdout, remarks to stderr.

It needs no TTY: piped input is read the same way.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import typer

# A reply could else move the cursor, rename the window or write to the clipboard.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Terminal:
    """What a person types and sees."""

    def __init__(self) -> None:
        self._is_interactive = sys.stdin.isatty()
        self._is_in_line = False
        if self._is_interactive:
            import readline  # noqa: F401  gives `input` its history and keys
        for stream in (sys.stdin, sys.stdout):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")

    def read(self) -> str | None:
        """The next line; None at the end of the input."""
        if not self._is_interactive:
            line = sys.stdin.readline()
            return line.rstrip("\n") if line else None
        try:
            return input("> ")
        except EOFError:
            self.write("\n")
            return None
        except KeyboardInterrupt:
            self.write("\n")
            raise

    def write(self, text: str) -> None:
        """Show a piece of a reply, at once."""
        shown = _CONTROL.sub("", text)
        sys.stdout.write(shown)
        sys.stdout.flush()
        self._is_in_line = not shown.endswith("\n") if shown else self._is_in_line

    def note(self, text: str) -> None:
        """Show a remark, on lines of its own."""
        if self._is_in_line:
            self.write("\n")
        typer.secho(_CONTROL.sub("", text), dim=True, err=True)

    def edit(self, text: str) -> str | None:
        """The text as changed in `$VISUAL` or `$EDITOR`; None if no editor is set, or it failed."""
        default = "vi" if self._is_interactive else ""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or default
        if not editor:
            return None
        with tempfile.TemporaryDirectory(prefix="loralei-") as folder:  # only its owner can read it
            file = Path(folder, "reply.md")
            file.write_bytes(text.encode())  # as it is: every kind of line break is kept
            try:
                subprocess.run([*shlex.split(editor), str(file)], check=True)
                return file.read_bytes().decode()
            except (OSError, ValueError, subprocess.CalledProcessError):
                return None
