"""Writes of the science: verdicts, the lead, certifications and the champion.

Invariants: the noise floor is frozen once; at most one certification is open; the champion moves only with a
certificate of a certification that passed.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

from orgruntime.ledger.errors import LedgerError
from orgruntime.ledger.journal import fingerprint
from orgruntime.ledger.money import Money
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import CertificationId, CommitId, InquiryId, ProposalId, RoleSlug, TreeId
from orgruntime.model.research import Certificate, EvidenceState, Noise, Verdict, VerdictWord


class CertificationTerms(TypedDict):
    """What a certification fixes before its first pair."""

    champion: CommitId
    lead: CommitId
    number: int
    """The how-manieth test of the run, from 1."""
    threshold: float
    delta: float
    scale: float
    max_pairs: int
    inquiry: InquiryId


class ScienceWrites(Money):
    """The part of a transaction that records what the trials mean."""

    def set_base(self, commit: CommitId, tree: TreeId) -> None:
        """The base commit, which is also the first champion, without a certificate.

        Raises LedgerError for a second, different one.
        """
        before = self._db.rows("SELECT base_commit FROM run")[0]["base_commit"]
        if before == commit:
            return
        if before is not None:
            raise LedgerError(f"The base of this run is {before}; it cannot become {commit}.")
        self._db.write("UPDATE run SET base_commit = ?, base_tree = ?", commit, tree)
        self._db.write("INSERT INTO champions(commit_id, at_trial) VALUES(?, 0)", commit)
        self._event("set-base", commit, {"tree": tree})

    def freeze_noise(self, noise: Noise) -> None:
        """Raises LedgerError for a second, different noise floor."""
        text = self._spelled(noise.model_dump(mode="json"))
        before = self._db.rows("SELECT noise FROM run")[0]["noise"]
        if before == text:
            return
        if before is not None:
            raise LedgerError("The noise floor of this run is frozen; it cannot be measured again.")
        self._db.write("UPDATE run SET noise = ?", text)
        self._event("freeze-noise", "", noise.model_dump(mode="json"))

    def set_verdict(self, v: Verdict) -> None:
        """A later verdict replaces an earlier one; events keep both. Raises LedgerError for an unknown proposal."""
        proposal = self._db.row("SELECT role, species, settled, verdict FROM proposals WHERE id = ?", v.proposal)
        if proposal is None:
            raise LedgerError(f"There is no proposal {v.proposal!r}.")
        if proposal["verdict"] is not None:
            before = self._db.rows("SELECT word, gain FROM verdicts WHERE proposal = ?", v.proposal)[0]
            self._count(f"verdict.{before['word']}", -proposal["settled"])
            self._charge(proposal["role"], proposal["species"], Amounts(), -_kept(before["word"], before["gain"]))
        self._db.write("UPDATE proposals SET verdict = ? WHERE id = ?", v.word, v.proposal)
        self._db.write(
            "INSERT OR REPLACE INTO verdicts VALUES(?, ?, ?, ?, ?, ?)",
            v.proposal, v.word, v.reason, v.gain, self._spelled(v.evidence), self._counted("trials.settled"),
        )  # fmt: skip
        self._count(f"verdict.{v.word}", proposal["settled"])
        self._charge(proposal["role"], proposal["species"], Amounts(), _kept(v.word, v.gain))
        self._event("set-verdict", v.proposal, v.model_dump(mode="json", exclude={"proposal"}))

    def move_lead(
        self, commit: CommitId, *, metric: float | None, gain: float, estimate: float, proposal: ProposalId | None,
        reason: str,
    ) -> None:  # fmt: skip
        """Also resets: to the champion, with estimate 0. History is kept."""
        self._db.write(
            "INSERT INTO leads(commit_id, metric, gain, estimate, proposal, reason, at_trial)"
            " VALUES(?, ?, ?, ?, ?, ?, ?)",
            commit, metric, gain, estimate, proposal, reason, self._counted("trials.settled"),
        )  # fmt: skip
        body = {"metric": metric, "gain": gain, "estimate": estimate, "proposal": proposal, "reason": reason}
        self._event("move-lead", commit, body)

    def open_certification(self, id: CertificationId, **terms: Unpack[CertificationTerms]) -> None:
        """Raises LedgerError while another one is open, or for a number that was used."""
        if self._db.row("SELECT 1 FROM certifications WHERE state = 'running'"):
            raise LedgerError(f"Certification {id!r} cannot open while another one is open.")
        columns = tuple(terms)
        self._db.write(
            f"INSERT INTO certifications(id, opened_at_trial, {', '.join(columns)})"
            f" VALUES(?, ?{', ?' * len(columns)})",
            id, self._counted("trials.settled"), *terms.values(),
        )  # fmt: skip
        self._event("open-certification", id, dict(terms))

    def close_certification(
        self, id: CertificationId, state: EvidenceState, e_value: float, reason: str, certificate: Certificate | None
    ) -> None:
        """With a certificate, which only a passed one has, the champion moves. Raises LedgerError unless it is open."""
        if (state is EvidenceState.PASSED) != (certificate is not None):
            raise LedgerError(
                f"Certification {id!r} ended {state}; a certificate belongs to exactly those that passed."
            )
        at = self._counted("trials.settled")
        closed = self._db.write(
            "UPDATE certifications SET state = ?, e_value = ?, reason = ?, closed_at_trial = ?"
            " WHERE id = ? AND state = 'running'", state, e_value, reason, at, id,
        )  # fmt: skip
        if not closed:
            raise LedgerError(f"Certification {id!r} is not open.")
        body: dict[str, object] = {"state": state, "e_value": e_value, "reason": reason}
        if certificate is not None:
            text = self._spelled(certificate.model_dump(mode="json"))
            self._db.write(
                "INSERT INTO champions(commit_id, certification, certificate, at_trial) VALUES(?, ?, ?, ?)",
                certificate.champion_after, id, text, at,
            )  # fmt: skip
            body |= {"champion": certificate.champion_after, "sha256": fingerprint(text)}
        self._event("close-certification", id, body)

    def add_memo(self, role: RoleSlug, text: str, inquiry: InquiryId | None, upto_trials: int) -> None:
        n = self._db.insert(
            "INSERT INTO memos(role, text, inquiry, upto_trials) VALUES(?, ?, ?, ?)", role, text, inquiry, upto_trials
        )
        body = {"role": role, "inquiry": inquiry, "upto_trials": upto_trials, "sha256": fingerprint(text)}
        self._event("add-memo", f"memo {n}", body)


def _kept(word: str, gain: float | None) -> float:
    return gain or 0.0 if word == VerdictWord.KEEP else 0.0
