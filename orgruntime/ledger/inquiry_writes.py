"""Writes of ideas, inquiries, payloads, steps and proposals.

Knows the workflow's records, not its rules. Invariant: a step of an inquiry is recorded once; the first wins.
"""

from __future__ import annotations

from orgruntime.ledger.errors import LedgerError
from orgruntime.ledger.journal import Journal, fingerprint, known
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import IdeaId, InquiryId, PayloadId, ProposalId, RoleSlug
from orgruntime.model.payload import Payload
from orgruntime.model.research import IdeaState, Proposal

_CARRIED_OUT = (
    "INSERT INTO ablations(parent, part, idea, role, proposal) VALUES(?, ?, ?, ?, ?)"
    " ON CONFLICT(parent, part) DO UPDATE SET proposal = excluded.proposal WHERE proposal IS NULL"
)


class InquiryWrites(Journal):
    """The part of a transaction that moves ideas through the workflow."""

    def add_idea(self, text: str, author: str, state: IdeaState = IdeaState.QUEUED) -> IdeaId:
        """Puts an idea at the end of the queue, or where `state` says; ids count up from `i1`."""
        self._count("ideas.total")
        id = IdeaId(f"i{self._counted('ideas.total')}")
        self._db.write("INSERT INTO ideas(id, text, author, state) VALUES(?, ?, ?, ?)", id, text, author, state)
        self._count(f"ideas.{state}")
        self._event("add-idea", id, {"text": text, "author": author, "state": state})
        return id

    def close_idea(self, id: IdeaId, reason: str) -> None:
        """Closes an idea that is open; one that was declined, or is closed, stays what it is."""
        closed = self._db.write(
            "UPDATE ideas SET state = 'closed', reason = ? WHERE id = ? AND state = 'open'", reason, id
        )
        if closed:
            self._count(f"ideas.{IdeaState.OPEN}", -1)
            self._count(f"ideas.{IdeaState.CLOSED}")
            self._event("set-idea", id, {"state": IdeaState.CLOSED, "reason": reason})

    def set_idea(self, id: IdeaId, state: IdeaState, reason: str = "") -> None:
        """Raises LedgerError for an unknown idea."""
        before = self._db.row("SELECT state FROM ideas WHERE id = ?", id)
        if before is None:
            raise LedgerError(f"There is no idea {id!r}.")
        self._db.write("UPDATE ideas SET state = ?, reason = ? WHERE id = ?", state, reason, id)
        if before["state"] != state:
            self._count(f"ideas.{before['state']}", -1)
            self._count(f"ideas.{state}")
        self._event("set-idea", id, {"state": state, "reason": reason})

    def open_inquiry(self, inquiry: InquiryId, idea: IdeaId, at: RoleSlug, payload: PayloadId | None) -> None:
        """Its payload may be added before or after, in the same transaction. Raises LedgerError if it exists."""
        self._db.write("INSERT INTO inquiries(id, idea, at, payload) VALUES(?, ?, ?, ?)", inquiry, idea, at, payload)
        self._event("open-inquiry", inquiry, {"idea": idea, "at": at, "payload": payload})

    def close_inquiry(self, inquiry: InquiryId, reason: str) -> None:
        """Closing a closed one changes nothing. Raises LedgerError for an unknown inquiry."""
        closed = self._db.write(
            "UPDATE inquiries SET state = 'closed', reason = ? WHERE id = ? AND state = 'open'", reason, inquiry
        )
        if closed:
            self._event("close-inquiry", inquiry, {"reason": reason})
        elif not self._db.row("SELECT 1 FROM inquiries WHERE id = ?", inquiry):
            raise LedgerError(f"There is no inquiry {inquiry!r}.")

    def add_payload(self, payload: Payload, inquiry: InquiryId) -> None:
        """Raises LedgerError if the id exists, or if the body holds numbers that are not finite."""
        body = self._spelled(payload.body)
        self._db.write(
            "INSERT INTO payloads(id, type, body, source, inquiry) VALUES(?, ?, ?, ?, ?)",
            payload.id, payload.type, body, payload.source, inquiry,
        )  # fmt: skip
        self._event("add-payload", payload.id, {"type": payload.type, "inquiry": inquiry, "sha256": fingerprint(body)})

    def record_step(
        self, inquiry: InquiryId, visit: int, role: RoleSlug, payload: PayloadId | None, type: str,
        words: tuple[str, ...], spent: Amounts,
    ) -> bool:  # fmt: skip
        """What step `visit` of an inquiry handed off. False, with nothing written, when it was recorded before.

        `spent` is kept for attribution; money is charged by `reserve_spend` and `settle_spend` alone.
        """
        fresh = self._db.write(
            "INSERT INTO steps VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            inquiry, visit, role, payload, type, self._spelled(words), self._spelled(known(spent)),
        )  # fmt: skip
        if fresh:
            body = {"role": role, "payload": payload, "type": type, "words": words, "spent": known(spent)}
            self._event("record-step", f"{inquiry}/{visit}", body)
        return bool(fresh)

    def add_proposal(self, p: Proposal) -> None:
        """Raises LedgerError if the id exists or the inquiry does not."""
        self._db.write(
            "INSERT INTO proposals(id, inquiry, role, species, tree, body) VALUES(?, ?, ?, ?, ?, ?)",
            p.id, p.inquiry, p.role, p.species, p.tree, self._spelled(p.model_dump(mode="json")),
        )  # fmt: skip
        body = {"inquiry": p.inquiry, "idea": p.idea, "role": p.role, "species": p.species, "base": p.base}
        if p.parent is not None:
            self._db.write(_CARRIED_OUT, p.parent, p.part, p.idea, p.role, p.id)
            body |= {"parent": p.parent, "part": p.part}
        self._event("add-proposal", p.id, body | {"commit": p.commit, "tree": p.tree})

    def ask_ablation(self, parent: ProposalId, part: str, idea: IdeaId, role: str) -> bool:
        """That a part of a proposal is to be measured apart, and the idea that says so. False, with nothing written,
        when it was asked for before. `role`: who asks, a role's slug or `person:<name>`.

        Raises LedgerError for an unknown proposal or idea.
        """
        fresh = self._db.write(
            "INSERT INTO ablations(parent, part, idea, role) VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
            parent, part, idea, role,
        )  # fmt: skip
        if fresh:
            self._event("ask-ablation", parent, {"part": part, "idea": idea, "role": role})
        return bool(fresh)
