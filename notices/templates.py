"""The words around a notice: Jinja2 templates in Chinese, which an office may replace one by one.

They run in a sandbox and know nothing but what `notices.letters` hands them; a name that isn't there is an
error, found by `check` and not by whoever waits for the notice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.shapes import nearest
from notices.message import Message
from runtime.logs import get_logger
from runtime.rules_yaml import Problem

OWN: Final = Path(__file__).parent / "templates"
SUBJECT, TEXT, HTML, CHAT = "subject.txt.j2", "mail.txt.j2", "mail.html.j2", "chat.md.j2"
NAMES: Final = (SUBJECT, TEXT, HTML, CHAT)
MISTAKES: Final = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    OSError,
)
SUBJECT_MOST: Final = 120  # letters
# Where chat robots would read a link, a mention or a heading, people's own words get the full-width sign.
_HARMLESS: Final = str.maketrans("[]()<>*_`#@~|!\\", "［］（）＜＞＊＿｀＃＠～｜！＼")

log = get_logger(__name__)


class Templates:
    """The templates of a folder, each missing one taken from the program's own."""

    def __init__(self, folder: Path | None = None) -> None:
        self._own = _environment([OWN])
        self._used = _environment([folder, OWN]) if folder is not None else self._own

    def render(self, id: str, context: dict[str, Any], data: dict[str, object]) -> Message:
        """The message. A replaced template that fails is left for the program's own: the notice must go."""
        chat = {**context, "items": [_harmless(item) for item in context["items"]]}
        subject = " ".join(self._one(SUBJECT, context).split())[:SUBJECT_MOST]
        text, html = self._one(TEXT, context), self._one(HTML, context)
        heading = subject.translate(_HARMLESS)
        return Message(
            id, subject, heading, text, html, self._one(CHAT, chat).strip(), {**data, "subject": subject}
        )

    def _one(self, name: str, context: dict[str, Any]) -> str:
        try:
            return self._used.get_template(name).render(context)
        except MISTAKES as err:
            if self._used is self._own:
                raise
            log.error("a template of the office fails, the program's own is used", template=name,
                      error=type(err).__name__)  # fmt: skip
            return self._own.get_template(name).render(context)


def check_templates(folder: Path, contexts: list[dict[str, Any]]) -> list[Problem]:
    """What is wrong with a folder's templates; each is tried on every context."""
    if not folder.is_dir():
        return [Problem(str(folder), 1, "", "没有这个目录")]
    environment = _environment([folder, OWN])
    problems = []
    for path in sorted(folder.glob("*.j2")):
        if path.name not in NAMES:
            meant = nearest(path.name, NAMES)
            hint = f"是不是“{meant}”？" if meant else f"可用：{'、'.join(NAMES)}"
            problems.append(Problem(path.name, 1, "", f"没有用到这个名字的模板，{hint}"))
            continue
        problems += _tried(environment, path.name, contexts)
    return problems


def _tried(
    environment: ImmutableSandboxedEnvironment, name: str, contexts: list[dict[str, Any]]
) -> list[Problem]:
    try:
        template = environment.get_template(name)
        for context in contexts:
            template.render(context)
    except TemplateSyntaxError as err:
        return [Problem(name, err.lineno, "", f"模板写法有误：{err.message}")]
    except MISTAKES as err:
        return [Problem(name, _line(err, name), "", f"模板用不了：{err}")]
    return []


def _line(err: BaseException, name: str) -> int:
    """The line of the template where it went wrong: the last frame of it in the traceback."""
    line, trace = 1, err.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(name):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _environment(folders: list[Path]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _harmless(item: dict[str, Any]) -> dict[str, Any]:
    """An item with nothing in its words that a chat robot would act on; its link is ours and stays."""
    return {
        k: " ".join(v.split()).translate(_HARMLESS)
        if isinstance(v, str) and k not in ("link", "id", "clue_no")
        else v
        for k, v in item.items()
    }
