"""Whether a reply has the form that a user wants."""

import ast
import io
import re
import tokenize
import warnings

_SPANISH_WORDS = (
    "el la los las un una unos unas de del al y o u en que con por para se lo le les te nos su sus"
    " tu tus mi mis es está están son ser más muy pero porque cuando como cómo si sí también ya ni"
    " hay puede puedes pueden debe debes eso ese esa esto este esta sin sobre hasta desde después"
    " antes mejor buenas buenos lunes martes miércoles jueves viernes enero abril septiembre"
    " octubre noviembre diciembre verde azul gris cinco seis siete ocho nueve diez doce"
)
_SPANISH = frozenset(_SPANISH_WORDS.split())
_ENGLISH_WORDS = (
    "the and of to is are you your it in for with that this can should if or on be as from have"
    " will do does an at by was they there when what which how why because not but use"
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_FOREIGN = re.compile("[àèìòùâêîôûãõçßäö]")
_FENCED = re.compile(
    r"```[ \t]*(?:python3?|py)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE
)
_COMMIT = re.compile(
    r"(?:feat|fix|docs|style|refactor|perf|tests?|build|ci|chore|revert)"
    r"\([\w./, -]+\)!?: (?P<verb>[a-z][\w'-]*)(?P<rest> .*)?"
)
_IMPERATIVES_WORDS = (
    "embed speed shed seed feed need bring ping string focus alias bias canvas sling swing"
)
_IMPERATIVES = frozenset(_IMPERATIVES_WORDS.split())
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def spanish(reply: str) -> bool:
    """Whether it is one to three short sentences in Spanish and none in English."""
    sentences = [each for each in re.split(r"(?<=[.!?…])[\"»”)]?\s+|\n+", reply.strip()) if each]
    words = _words(reply)
    return (
        len(sentences) <= 3
        and 0 < len(words) <= 60
        and not _FOREIGN.search(reply.lower())
        and _spanish_marks(reply) >= 0.25 * len(words)
        and not any(_english_marks(each) > _spanish_marks(each) for each in sentences)
    )


def shop(reply: str) -> bool:
    """Whether it says something in at most 120 words."""
    return 0 < len(reply.split()) <= 120


def only_code(reply: str) -> bool:
    """Whether it is one piece of Python without prose, comments, docstrings or example usage."""
    fenced = _FENCED.fullmatch(reply.strip())
    code = fenced[1] if fenced else reply.strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
            tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return False
    return (
        any(not _is_prose(each) for each in tree.body)
        and not any(token.type == tokenize.COMMENT for token in tokens)
        and not any(_is_text(each) for each in ast.walk(tree))
        and not _has_example(tree)
    )


def commit_messages(reply: str) -> bool:
    """Whether it is one line like `fix(login): trim spaces before the password check`."""
    line = reply.strip()
    quoted = re.fullmatch(r"(`|\"|')(.*)\1", line)
    line = quoted[2] if quoted else line
    found = _COMMIT.fullmatch(line)
    return (
        found is not None
        and len(line) <= 72
        and bool(found["rest"])
        and not line.endswith(".")
        and _is_imperative(found["verb"])
    )


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


def _spanish_marks(text: str) -> int:
    return sum(
        word in _SPANISH or bool(re.search("[áéíóúñ]|..[ao]s?$", word)) for word in _words(text)
    )


def _english_marks(text: str) -> int:
    return sum(word in _ENGLISH for word in _words(text))


def _is_prose(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(
        statement.value, (ast.Name, ast.Constant, ast.Tuple)
    )


def _is_text(node: ast.AST) -> bool:
    """Whether a docstring, or another string that nothing is done with."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _has_example(tree: ast.Module) -> bool:
    """Whether what it defines is also tried out. A program may start its own `main()`."""
    names = {each.name for each in tree.body if isinstance(each, _DEFINITIONS)}
    others = [each for each in tree.body if not isinstance(each, _DEFINITIONS)]
    return any(_uses(each, names) for each in others) or bool(
        names and any(_prints(each) for each in others)
    )


def _uses(statement: ast.stmt, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in names
        and bool(node.args or node.keywords or not isinstance(statement, (ast.Expr, ast.If)))
        for node in ast.walk(statement)
    )


def _prints(statement: ast.stmt) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        for node in ast.walk(statement)
    )


def _is_imperative(verb: str) -> bool:
    return verb in _IMPERATIVES or not re.search("(?:ed|ing|[^s]s)$", verb)
