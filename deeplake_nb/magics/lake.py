"""``%lake``: a command, run on the session; what it gives is the value of the cell."""
# ruff: noqa: T201 - a magic speaks by printing

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial, singledispatchmethod
from traceback import format_exception_only
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class, needs_local_scope, no_var_expand

from deeplake_nb.errors import CommandError, CredentialsError, LakeError, PermissionDeniedError, counted, did_you_mean
from deeplake_nb.magics import manual
from deeplake_nb.magics.command import Call, Command
from deeplake_nb.magics.commands import (
    Connect,
    Cors,
    Creds,
    Doctor,
    Explain,
    Help,
    LinkFiles,
    Load,
    Ls,
    New,
    Search,
    Show,
    SignIn,
    SignOut,
    Storage,
    Why,
)
from deeplake_nb.magics.grammar import parse

if TYPE_CHECKING:
    from types import TracebackType

    from IPython.core.interactiveshell import InteractiveShell

    from deeplake_nb.session import Session

_LOAD_FIRST = "%lake load URL as NAME makes one, then %lake show NAME"
_STORE_FIRST = "NAME = deeplake_nb.VectorStore(path, embedding_function=...) opens one, then %lake search NAME WORDS"


@magics_class
class LakeMagics(Magics):
    """The line magic ``%lake`` on one session: the kernel's own unless another is given."""

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell, session: Session | None = None) -> None:
        super().__init__(shell)
        self._session = session

    @no_var_expand
    @needs_local_scope
    @line_magic
    def lake(self, line: str, local_ns: Mapping[str, Any] | None = None) -> object:  # noqa: D102 - set below
        try:
            command = parse(line)
            if isinstance(command, Call) and command.code:
                print(command.script)
                return None
            value = self.run(command, {} if local_ns is None else local_ns)
        except LakeError as mistake:
            # Raised on, so that the cell fails and ``except`` works; IPython asks the instance how to show itself.
            mistake._render_traceback_ = partial(str.splitlines, _one_line(mistake))  # type: ignore[attr-defined]
            raise
        except KeyboardInterrupt as interrupt:
            said = (
                f"\x1b[1;31minterrupted\x1b[0m: %lake {line.strip().partition(' ')[0]} was stopped; run the cell again"
            )
            interrupt._render_traceback_ = partial(str.splitlines, said)  # type: ignore[attr-defined]
            raise
        # Silencing is ours: IPython's way would tokenize a path as Python.
        return None if line.rstrip().endswith(";") and isinstance(command, Load) and command.name else value

    @singledispatchmethod
    def run(self, command: Command, scope: Mapping[str, Any]) -> object:
        """The value of a command; ``scope`` has the local variables where the line stands."""
        raise NotImplementedError(type(command).__name__, scope)

    @run.register
    def _load(self, command: Load, scope: Mapping[str, Any]) -> object:
        name = command.name
        if name is not None and name in scope and scope is not self.shell.user_ns:
            raise CommandError(
                f"{name!r} is a local variable here, which a magic can't bind: write {name} = %lake load ..."
            )

        def load() -> Any:
            return self.session.load(command.address, read_only=command.read_only or None)

        def bind(dataset: Any) -> None:
            if name is not None:
                self.shell.push({name: dataset})  # type: ignore[no-untyped-call]

        try:
            dataset = load()
        except (CredentialsError, PermissionDeniedError) as refusal:
            from deeplake_nb.widgets import going_on

            if not going_on.can_ask(self.shell, command.url):
                raise
            dataset = going_on.ask_and_go_on(self.session, command.url, refusal, load, name=name, bind=bind)
        bind(dataset)
        return dataset

    @run.register
    def _show(self, command: Show, scope: Mapping[str, Any]) -> None:
        from deeplake_nb.dataset.dataset import Dataset
        from deeplake_nb.widgets import display

        value = self._evaluate(command.expression, scope)
        if not isinstance(value, Dataset):
            kind = type(value).__name__
            raise CommandError(
                f"{command.expression} is of type {kind}: %lake show takes a dataset, or rows such as ds[10:20]"
            )
        display.show(value, command.tensor)

    @run.register
    def _ls(self, command: Ls, _scope: Mapping[str, Any]) -> object:
        from deeplake_nb.magics.listing import listing, named

        if command.names is not None:
            return named(self.session.hub(), command.names)
        return listing(self.session.storage(command.url))

    @run.register
    def _explain(self, command: Explain, _scope: Mapping[str, Any]) -> object:
        return self.session.explain(command.url)

    @run.register
    def _doctor(self, command: Doctor, _scope: Mapping[str, Any]) -> object:
        return self.session.doctor(command.url)

    @run.register
    def _connect(self, command: Connect, scope: Mapping[str, Any]) -> object:
        from deeplake_nb.widgets import wizards

        if command.dataset is None or not command.dataset.isidentifier():
            if command.dataset is None or command.dest is None:
                return wizards.connect(self.session, command.dataset or "")  # type: ignore[func-returns-value]
            return self.session.connect(command.dataset, **command.arguments_of_call)
        value = self._dataset(command.dataset, scope, "connect")
        if command.dest is None:
            return wizards.connect(self.session, value.path)  # type: ignore[func-returns-value]
        value.connect(**command.arguments_of_call)
        return value

    @run.register
    def _storage(self, command: Storage, _scope: Mapping[str, Any]) -> None:
        from deeplake_nb.widgets import wizards

        wizards.storage(self.session, command.org or "")

    @run.register
    def _new(self, command: New, _scope: Mapping[str, Any]) -> None:
        from deeplake_nb.widgets import wizards

        def bind(made: Any) -> None:
            if command.name is not None:
                self.shell.push({command.name: made})  # type: ignore[no-untyped-call]

        wizards.new(self.session, command.url or "", bind)

    @run.register
    def _link(self, command: LinkFiles, scope: Mapping[str, Any]) -> None:
        from deeplake_nb.widgets import wizards

        wizards.link(self.session, self._dataset(command.dataset, scope, "link"), command.url or "")

    @run.register
    def _search(self, command: Search, scope: Mapping[str, Any]) -> object:
        from deeplake_nb.widgets.search_result import search

        if command.k is not None and not command.k.isdecimal():
            raise CommandError(f"--k is how many rows to show, such as --k 20, not {command.k}")
        k = {} if command.k is None else {"k": int(command.k)}
        store = self._evaluate(command.store, scope, "vector store", _STORE_FIRST)
        return search(store, command.text, **k, embedding_tensor=command.tensor)

    @run.register
    def _cors(self, command: Cors, _scope: Mapping[str, Any]) -> object:
        from deeplake_nb.storage.cors import cors

        if command.apply and command.origin is None:
            raise CommandError("%lake cors --apply needs an --origin to let in, such as https://lab.example.org")
        return cors(self.session.storage(command.url), command.origin, apply=command.apply)

    @run.register
    def _creds(self, command: Creds, _scope: Mapping[str, Any]) -> object:
        from deeplake_nb.widgets import keys

        if command.action is None:
            return keys.table(self.session, command.org)
        if command.action == "add":
            keys.add(self.session, command.key or "", org=command.org)
            return None
        if command.key is None:
            raise CommandError(f"say which key: %lake creds {command.action} KEY; %lake creds lists them")
        return keys.change(self.session, command.action, command.key)

    @run.register
    def _sign_in(self, command: SignIn, _scope: Mapping[str, Any]) -> None:
        from deeplake_nb.widgets import keys

        keys.sign_in(self.session, command.url)

    @run.register
    def _sign_out(self, _command: SignOut, _scope: Mapping[str, Any]) -> None:
        count = self.session.sign_out()
        print(f"forgot {counted(count, 'sign-in')} kept on this machine")

    @run.register
    def _help(self, command: Help, _scope: Mapping[str, Any]) -> None:
        print(manual.overview() if command.verb is None else manual.page(command.verb))

    @run.register
    def _why(self, _command: Why, _scope: Mapping[str, Any]) -> None:
        last: BaseException | None = getattr(sys, "last_value", None)  # the shell keeps there what it showed last
        if last is None:
            print("no mistake so far")
            return
        inside = _inside(sys.last_traceback)
        if inside is None or not (isinstance(last, LakeError) or hasattr(last, "_render_traceback_")):
            said = " ".join(format_exception_only(last)[-1].split())
            print(f"the last error was {said}: not one of ours, and its traceback stands where it came up")
            return
        lines = self.shell.InteractiveTB.structured_traceback(type(last), last, inside)
        print(self.shell.InteractiveTB.stb2text(lines))

    @property
    def session(self) -> Session:
        """What the commands run on."""
        if self._session is None:
            from deeplake_nb import session

            self._session = session.default()
        return self._session

    def _dataset(self, expression: str, scope: Mapping[str, Any], verb: str) -> Any:
        from deeplake_nb.dataset.dataset import Dataset

        value = self._evaluate(expression, scope)
        if isinstance(value, Dataset):
            return value
        path = f", or a path (./{expression})" if verb == "connect" else ""
        raise CommandError(f"{expression} is of type {type(value).__name__}: %lake {verb} takes a dataset{path}")

    def _evaluate(
        self, expression: str, scope: Mapping[str, Any], what: str = "dataset", first: str = _LOAD_FIRST
    ) -> Any:
        try:
            return eval(expression, self.shell.user_ns, scope)  # noqa: S307 - the user's own expression, as in any cell
        except SyntaxError as error:
            raise CommandError(f"{expression!r} names no {what}: {first}") from error
        except NameError as error:
            meant = did_you_mean(str(error.name), [*scope, *self.shell.user_ns])
            raise CommandError(f"there is no variable {error.name!r}{meant}: {first}") from error


LakeMagics.lake.__doc__ = manual.overview()


def _one_line(mistake: LakeError) -> str:
    """Its kind and message, in one line whatever the message holds."""
    message = " ".join(str(mistake).split())
    where = "" if isinstance(mistake, CommandError) else "  (%lake why: the traceback)"
    return f"\x1b[1;31m{mistake.kind}\x1b[0m: {message}{where}"


def _inside(traceback: TracebackType | None) -> TracebackType | None:
    """From the first frame of ours on: the line of the cell before it may hold what is not to be repeated."""
    while traceback is not None and not str(traceback.tb_frame.f_globals.get("__name__")).startswith("deeplake_nb."):
        traceback = traceback.tb_next
    return traceback
