"""The server: which message of the protocol is answered by what. Keeps the session and the checker, knows no grammar.

Invariant: a message about a file that is not open, not local or not ours is answered with nothing, never with an error.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcException, JsonRpcInternalError
from pygls.lsp.server import LanguageServer

from orgruntime import __version__
from orgruntime.api.settings import SETTINGS
from orgruntime.compiler.compile import PROGRAM
from orgruntime.lsp import hover, keys, navigation, symbols
from orgruntime.lsp.actions import quick_fixes
from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.checker import Checker
from orgruntime.lsp.completion import TRIGGERS, complete_program, complete_role
from orgruntime.lsp.program import ProgramView
from orgruntime.lsp.session import Session
from orgruntime.model.payload_schema import SUFFIX

_REQUEST_FAILED = -32803
WATCHED = (".md", SUFFIX, SETTINGS)
"""How the names of files end that findings rest on."""

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class OrgServer(LanguageServer):
    """One editor's server."""

    def __init__(self) -> None:
        # Whole texts: files are small, and nothing is lost where client and library count lines differently.
        super().__init__("orgrun", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.session = Session()
        self.checker = Checker(self.session, self.text_document_publish_diagnostics, self._tell)
        for method, (handler, options) in _FEATURES.items():
            self.feature(method, options)(handler)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Says a fault of this server on stderr, in one line. What the client did wrong it is told in the answer."""
        if isinstance(error, JsonRpcInternalError) or not isinstance(error, JsonRpcException):
            logger.error("a request failed: %s", " ".join(str(error).split())[:300])

    def _tell(self, sentence: str) -> None:
        self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, sentence))

    def buffer(self, uri: str) -> Buffer | None:
        """The open file, where it is one that can be read."""
        path = path_of(uri)
        found = self.session.buffers.get(path) if path else None
        return None if found is None or found.is_too_big else found

    def program(self, uri: str) -> ProgramView | None:
        """The open file as a program."""
        found = self.buffer(uri)
        return self.session.as_program(found) if found and found.path.name == PROGRAM else None

    def role(self, uri: str) -> Buffer | None:
        """The open file as a role file."""
        found = self.buffer(uri)
        return found if found and found.path.name != PROGRAM and self.session.unit_of(found.path) else None


def path_of(uri: str) -> Path | None:
    """The normal path of a `file:` URI; None for anything else."""
    try:
        parts = urlsplit(uri)
        path = unquote(parts.path, errors="surrogateescape")
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        return None
    return Path(os.path.normpath(path))


def _initialize(ls: OrgServer, params: types.InitializeParams) -> None:
    uris = [folder.uri for folder in params.workspace_folders or ()] or [params.root_uri or ""]
    ls.session.folders = tuple(filter(None, map(path_of, uris)))
    ls.session.encoding = str(getattr(ls.workspace.position_encoding, "value", ls.workspace.position_encoding))


def _initialized(ls: OrgServer, params: types.InitializedParams) -> None:
    """Asks to be told of files that change outside the editor, where the client can do that."""
    if get_capability(ls.client_capabilities, "workspace.did_change_watched_files.dynamic_registration"):
        watchers = [types.FileSystemWatcher(glob_pattern=f"**/*{ending}") for ending in WATCHED]
        options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
        method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        ls.client_register_capability(types.RegistrationParams([types.Registration("watch", method, options)]))


def _folders_changed(ls: OrgServer, params: types.DidChangeWorkspaceFoldersParams) -> None:
    gone = {path_of(folder.uri) for folder in params.event.removed}
    new = [path for folder in params.event.added if (path := path_of(folder.uri))]
    ls.session.folders = tuple(dict.fromkeys([one for one in ls.session.folders if one not in gone] + new))
    ls.checker.touch_all()


def _opened(ls: OrgServer, params: types.DidOpenTextDocumentParams) -> None:
    document = params.text_document
    _take(ls, document.uri, document.text, document.version)


def _changed(ls: OrgServer, params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    path = path_of(uri)
    if path in ls.session.buffers and params.content_changes:
        # Also where a client sends parts of the text against what was agreed: the library has applied them.
        _take(ls, uri, ls.workspace.get_text_document(uri).source, params.text_document.version)


def _take(ls: OrgServer, uri: str, text: str, version: int | None) -> None:
    path = path_of(uri)
    if path is not None and path.suffix == ".md":
        ls.session.open(path, uri, text, version)
        ls.checker.touch(path)


def _saved(ls: OrgServer, params: types.DidSaveTextDocumentParams) -> None:
    path = path_of(params.text_document.uri)
    if path is not None and path.suffix == ".md":
        ls.checker.touch(path)
    elif path is not None and path.name.endswith(WATCHED):
        ls.checker.touch_all()


def _closed(ls: OrgServer, params: types.DidCloseTextDocumentParams) -> None:
    if path := path_of(params.text_document.uri):
        ls.session.close(path)
        ls.checker.touch(path)


def _watched(ls: OrgServer, params: types.DidChangeWatchedFilesParams) -> None:
    """Another program wrote, made or removed files: a new role file can mend a link of any open program."""
    if any((path := path_of(change.uri)) and path not in ls.session.buffers for change in params.changes):
        ls.checker.touch_all()


def _complete(ls: OrgServer, params: types.CompletionParams) -> list[types.CompletionItem]:
    uri = params.text_document.uri
    if view := ls.program(uri):
        return complete_program(view, view.buffer.offset(params.position))
    if buffer := ls.role(uri):
        return complete_role(buffer, buffer.offset(params.position), ls.session.view(buffer.path))
    return []


def _hover(ls: OrgServer, params: types.HoverParams) -> types.Hover | None:
    uri = params.text_document.uri
    buffer = ls.buffer(uri)
    if buffer is None:
        return None
    if shown := ls.checker.at(buffer.path, params.position):
        return hover.rule(shown.finding, shown.where)
    offset = buffer.offset(params.position)
    view = ls.program(uri)
    if view is None:
        return hover.key(buffer, offset, keys.ROLE) if ls.role(uri) else None
    if mention := view.role_at(offset):
        return hover.role(view, mention, ls.session.reader(view.org))
    return hover.payload(view, offset) or hover.key(buffer, offset, keys.PROGRAM)


def _definition(ls: OrgServer, params: types.DefinitionParams) -> types.Location | None:
    uri = params.text_document.uri
    if view := ls.program(uri):
        return navigation.definition(ls.session, view, view.buffer.offset(params.position))
    role = ls.role(uri)
    home = ls.session.view(role.path) if role else None
    if role is None or home is None:
        return None
    return navigation.definition_in_role(ls.session, role, home, role.offset(params.position))


def _references(ls: OrgServer, params: types.ReferenceParams) -> list[types.Location]:
    uri, declared = params.text_document.uri, params.context.include_declaration
    if view := ls.program(uri):
        return navigation.references(ls.session, view, view.buffer.offset(params.position), declared)
    role = ls.role(uri)
    return navigation.role_references(ls.session, role.path, declared) if role else []


def _symbols(ls: OrgServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    uri = params.text_document.uri
    if view := ls.program(uri):
        return symbols.program_symbols(view)
    role = ls.role(uri)
    return symbols.role_symbols(role) if role else []


def _actions(ls: OrgServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    uri, kinds = params.text_document.uri, params.context.only
    buffer = ls.buffer(uri)
    if buffer is None or not _can_edit(ls) or (kinds and types.CodeActionKind.QuickFix not in kinds):
        return []
    return quick_fixes(uri, buffer, ls.checker.within(buffer.path, params.range))


def _can_edit(ls: OrgServer) -> bool:
    """Whether the client takes edits that name the version of the text that they are for."""
    return bool(get_capability(ls.client_capabilities, "workspace.workspace_edit.document_changes"))


def _prepare_rename(ls: OrgServer, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
    view = ls.program(params.text_document.uri)
    return _or_refused(lambda: navigation.renamable(view, view.buffer.offset(params.position))) if view else None


def _rename(ls: OrgServer, params: types.RenameParams) -> types.WorkspaceEdit | None:
    view = ls.program(params.text_document.uri)
    if view is None:
        return None
    kinds = get_capability(ls.client_capabilities, "workspace.workspace_edit.resource_operations") or ()
    if types.ResourceOperationKind.Rename not in kinds:
        raise JsonRpcException("this editor cannot rename files for a server", _REQUEST_FAILED)
    offset = view.buffer.offset(params.position)
    return _or_refused(lambda: navigation.rename(ls.session, view, offset, params.new_name))


def _or_refused(call: Callable[[], Result]) -> Result:
    try:
        return call()
    except navigation.Refused as error:
        raise JsonRpcException(str(error), _REQUEST_FAILED) from error


_FEATURES: dict[str, tuple[Callable[..., Any], Any]] = {
    types.INITIALIZE: (_initialize, None),
    types.INITIALIZED: (_initialized, None),
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: (_folders_changed, None),
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: (_watched, None),
    types.TEXT_DOCUMENT_DID_OPEN: (_opened, None),
    types.TEXT_DOCUMENT_DID_CHANGE: (_changed, None),
    types.TEXT_DOCUMENT_DID_SAVE: (_saved, None),
    types.TEXT_DOCUMENT_DID_CLOSE: (_closed, None),
    types.TEXT_DOCUMENT_COMPLETION: (_complete, types.CompletionOptions(trigger_characters=list(TRIGGERS))),
    types.TEXT_DOCUMENT_HOVER: (_hover, None),
    types.TEXT_DOCUMENT_DEFINITION: (_definition, None),
    types.TEXT_DOCUMENT_REFERENCES: (_references, None),
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (_symbols, None),
    types.TEXT_DOCUMENT_CODE_ACTION: (
        _actions,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    ),
    types.TEXT_DOCUMENT_PREPARE_RENAME: (_prepare_rename, None),
    types.TEXT_DOCUMENT_RENAME: (_rename, None),
}
