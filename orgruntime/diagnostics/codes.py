"""Every rule of the language: one constant a rule. Knows nothing of how a rule is checked.

Groups: 1xx reading, 2xx references and graph, 3xx payloads, 4xx limits and risk, 5xx authority, 7xx cluster fit.
ORG504 is the key that is not set: it needs the environment, so `api` asks.
Invariant: an id is never reused; each has a page in `orgruntime/compiler/pages` and an example in `tests/spec`.
"""

from __future__ import annotations

from orgruntime.diagnostics.diagnostic import Code, Severity

CODES: dict[str, Code] = {}


def _rule(number: int, name: str, severity: Severity) -> Code:
    code = Code(f"ORG{number}", name, severity)
    assert code.id not in CODES, code.id
    CODES[code.id] = code
    return code


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

NOT_AN_ORG = _rule(101, "not-an-org", _E)
UNREADABLE_FILE = _rule(102, "unreadable-file", _E)
NOT_UTF8 = _rule(103, "not-utf8", _E)
BYTE_ORDER_MARK = _rule(104, "byte-order-mark", _I)
CARRIAGE_RETURNS = _rule(105, "carriage-returns", _I)
UNTERMINATED_FRONT_MATTER = _rule(106, "unterminated-front-matter", _E)
MISSING_FRONT_MATTER = _rule(107, "missing-front-matter", _E)
INVALID_YAML = _rule(108, "invalid-yaml", _E)
REPAIRED_FRONT_MATTER = _rule(109, "repaired-front-matter", _I)
YAML_FEATURE = _rule(110, "yaml-feature", _E)
DUPLICATE_KEY = _rule(111, "duplicate-key", _E)
FRONT_MATTER_TOO_BIG = _rule(112, "front-matter-too-big", _E)
UNKNOWN_KEY = _rule(113, "unknown-key", _E)
FOREIGN_KEY = _rule(114, "foreign-key", _I)
MISSING_KEY = _rule(115, "missing-key", _E)
WRONG_TYPE = _rule(116, "wrong-type", _E)
BAD_VALUE = _rule(117, "bad-value", _E)
HIDDEN_CHARACTER = _rule(118, "hidden-character", _W)
BIDI_CONTROL = _rule(119, "bidi-control", _E)
EMPTY_ROLE = _rule(120, "empty-role", _E)
UNKNOWN_FORMAT = _rule(121, "unknown-format", _E)
LIKELY_TYPO = _rule(122, "likely-typo", _W)
BAD_TABLE = _rule(123, "bad-table", _E)
WORKFLOW_SYNTAX = _rule(124, "workflow-syntax", _E)
DUPLICATE_SECTION = _rule(125, "duplicate-section", _E)
DOUBTFUL_REPAIR = _rule(126, "doubtful-repair", _W)
MISPLACED_FRONT_MATTER = _rule(127, "misplaced-front-matter", _I)
STAND_IN = _rule(128, "stand-in", _I)
NOT_A_ROLE = _rule(129, "not-a-role", _I)
UNREAD_VALUE = _rule(130, "unread-value", _W)
UNMET_RELEASE = _rule(131, "unmet-release", _E)

DUPLICATE_ROLE = _rule(201, "duplicate-role", _E)
UNREACHABLE_ROLE = _rule(202, "unreachable-role", _E)
NO_AGENT_ROLE = _rule(203, "no-agent-role", _E)
UNKNOWN_ROLE = _rule(204, "unknown-role", _E)
UNBOUNDED_CYCLE = _rule(205, "unbounded-cycle", _E)
SHADOWED_HANDOFF = _rule(206, "shadowed-handoff", _E)
SECOND_OTHERWISE = _rule(207, "second-otherwise", _E)
HUMAN_HANDOFF = _rule(208, "human-handoff", _E)
CADENCE_NEEDS_AGENT = _rule(209, "cadence-needs-agent", _E)
DEFAULT_ADDED = _rule(210, "default-added", _I)
UNUSED_ROLE_FILE = _rule(211, "unused-role-file", _I)
NO_MODEL = _rule(212, "no-model", _E)
UNKNOWN_SPECIES = _rule(213, "unknown-species", _E)
OUTSIDE_THE_ORG = _rule(214, "outside-the-org", _E)
UNKNOWN_IMPORT = _rule(215, "unknown-import", _E)
ROLE_KIND_CLASH = _rule(216, "setting-of-another-kind", _W)
STALE_MODEL = _rule(217, "stale-model", _W)
DRIFTED_DIAGRAM = _rule(218, "drifted-diagram", _W)
DEAD_END = _rule(219, "dead-end", _W)
BAD_PANEL = _rule(220, "bad-panel", _E)
UNKNOWN_FALLBACK = _rule(221, "unknown-fallback", _E)
HANDOFF_NOT_ADOPTED = _rule(222, "handoff-not-adopted", _I)
FORMER_NAME_CLASH = _rule(223, "former-name-clash", _E)
MISSING_INPUT = _rule(224, "missing-input", _E)
UNUSED_INPUT = _rule(225, "unused-input", _W)
RENAMED_ROLE = _rule(226, "renamed-role", _I)
MODEL_TRANSLATED = _rule(227, "model-translated", _I)

UNKNOWN_PAYLOAD = _rule(301, "unknown-payload", _E)
PAYLOAD_NOT_PRODUCED = _rule(302, "payload-not-produced", _E)
PAYLOAD_NOT_ACCEPTED = _rule(303, "payload-not-accepted", _E)
UNKNOWN_CONDITION = _rule(304, "unknown-condition", _E)
BAD_PAYLOAD = _rule(305, "bad-payload", _E)
UNUSED_PAYLOAD = _rule(306, "unused-payload", _W)
PAYLOAD_NOT_CARRIED = _rule(307, "payload-not-carried", _I)
PAYLOAD_NEVER_COMES = _rule(308, "payload-never-comes", _W)
UNDECLARED_PAYLOAD = _rule(309, "undeclared-payload", _I)

NO_BUDGET = _rule(401, "no-budget", _W)
TRIAL_OVER_BUDGET = _rule(402, "trial-over-budget", _E)
GPUS_WITHOUT_BUDGET = _rule(403, "gpus-without-budget", _W)
OVER_BLAST_RADIUS = _rule(404, "over-blast-radius", _W)
NOTHING_EDITABLE = _rule(405, "nothing-editable", _E)
MISSING_WORKSPACE = _rule(406, "missing-workspace", _E)
MISSING_EDITABLE = _rule(407, "missing-editable", _E)
SHELL_SYNTAX = _rule(408, "shell-syntax", _E)
UNKNOWN_PLACEHOLDER = _rule(409, "unknown-placeholder", _E)
NO_SEED = _rule(410, "no-seed", _W)
OUT_OF_RANGE = _rule(411, "out-of-range", _E)
BAD_METRIC_NAME = _rule(412, "bad-metric-name", _E)
MISSING_SCRIPT = _rule(413, "missing-script", _E)
METRIC_NOT_PRINTED = _rule(414, "metric-not-printed", _W)
EDITABLE_JUDGE = _rule(415, "editable-judge", _E)
EDITABLE_AND_FROZEN = _rule(416, "editable-and-frozen", _W)
NOTHING_FROZEN = _rule(417, "nothing-frozen", _W)
OVERLAPPING_EDITABLE = _rule(418, "overlapping-editable", _I)
CONTRADICTED_NUMBER = _rule(419, "contradicted-number", _W)
BUDGET_BELOW_BASELINE = _rule(420, "budget-below-baseline", _W)
STAKE_BELOW_TRIAL = _rule(421, "stake-below-trial", _E)
ROLE_OVER_BUDGET = _rule(422, "role-over-budget", _E)
BUDGET_WITHOUT_MODEL = _rule(423, "budget-without-model", _E)
UNBOUNDED_SPEND = _rule(424, "unbounded-spend", _W)
UNPRICED_MODEL = _rule(425, "unpriced-model", _E)

TOOL_NOT_GRANTED = _rule(501, "tool-not-granted", _I)
SECRET_IN_FILE = _rule(502, "secret-in-file", _E)
EDITABLE_ESCAPES = _rule(503, "editable-escapes", _E)
WILDCARD_GRANT = _rule(505, "wildcard-grant", _E)
ABSOLUTE_SOURCE = _rule(506, "absolute-source", _I)
UNKNOWN_TOOL = _rule(507, "unknown-tool", _W)
MODEL_NOT_GRANTED = _rule(508, "model-not-granted", _I)
HIDDEN_INSTRUCTION = _rule(509, "hidden-instruction", _W)
UNKNOWN_TOOL_SERVER = _rule(510, "unknown-tool-server", _E)
UNUSED_TOOL_SERVER = _rule(511, "unused-tool-server", _W)
RISK_NOT_GRANTED = _rule(512, "risk-not-granted", _I)
GPUS_NOT_GRANTED = _rule(513, "gpus-not-granted", _E)
GANG_WITHOUT_NETWORK = _rule(515, "gang-without-network", _E)
NETWORK_FOR_NOBODY = _rule(516, "network-for-nobody", _E)

FRACTIONAL_GPUS = _rule(701, "fractional-gpus", _E)
ACCELERATOR_WITHOUT_GPUS = _rule(702, "accelerator-without-gpus", _W)
UNKNOWN_ACCELERATOR = _rule(703, "unknown-accelerator", _W)
UNEVEN_VERIFIER = _rule(704, "uneven-verifier", _W)
RESERVES_NOTHING = _rule(705, "reserves-nothing", _W)
