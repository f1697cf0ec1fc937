"""The `risk:` key as the eight dials. Knows the presets and the limits of each dial, nothing of scheduling.

Invariant: what is not set comes from the preset, and no dial leaves the range in which its rule holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from orgruntime.compiler import words
from orgruntime.compiler.fields import Fields, one_of
from orgruntime.compiler.hint_keys import ROLE_RISK
from orgruntime.compiler.keys import BLAST_RADIUS, RISK, Kind
from orgruntime.compiler.keys import PRESETS as PRESET_WORDS
from orgruntime.compiler.keys import SETTINGS as SETTING_WORDS
from orgruntime.compiler.words import OutOfRange
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.vocabulary import Preset, Setting
from orgruntime.orgfile.tree import MapNode, Node, ScalarNode

if TYPE_CHECKING:
    from orgruntime.model.appetite import Appetite, BlastRadius

_READERS: dict[Kind, Callable[[str], float]] = {Kind.SHARE: words.share, Kind.NOISE: words.times_noise}


class RadiusWish(NamedTuple):
    """A blast radius for the proposals of one role: a word's, else the org's, with some of its numbers changed."""

    span: Span
    preset: Setting | None = None
    changed: Mapping[str, float] = {}

    def of(self, org: BlastRadius) -> BlastRadius:
        """The radius that is asked for, in an org with this one."""
        base = _meaning(self.preset).blast_radius if self.preset else org
        return base.model_copy(update=self.changed)


def bind_risk(parent: Fields, findings: Findings) -> Appetite:
    """The appetite of `risk: PRESET` or `risk: {preset: …, DIAL: …}`; balanced where it is absent or faulty."""
    value: Node | None = parent.value("risk")
    if value is None:
        return _meaning(Setting.BALANCED)
    if not isinstance(value, MapNode):
        return _meaning(parent.read("risk", _preset) or Setting.BALANCED)
    fields = Fields(value, "risk", RISK, findings)
    base = _meaning(fields.read("preset", _preset) or Setting.BALANCED)
    changed: dict[str, Any] = {}
    for key in (one.name for one in RISK.keys if one.kind in _READERS):
        read = fields.read(key, partial(_setting, key))
        if read is not None:
            changed[key] = read
    changed["blast_radius"] = _radius(fields, base.blast_radius, findings)
    return base.model_copy(update=changed)


def bind_role_risk(parent: Fields, findings: Findings) -> RadiusWish | None:
    """`risk: WORD` or `risk: {preset: …, blast_radius: …}` of a role. The other dials are those of the whole run."""
    value = parent.value("risk")
    if value is None:
        return None
    if not isinstance(value, MapNode):
        preset = parent.choice("risk", Setting)
        return RadiusWish(value.span, preset) if preset else None
    fields = Fields(value, parent.path("risk"), ROLE_RISK, findings)
    preset = fields.choice("preset", Setting)
    if isinstance(fields.value("blast_radius"), ScalarNode):
        return RadiusWish(value.span, fields.choice("blast_radius", Setting) or preset)
    return RadiusWish(value.span, preset, _radius_numbers(fields))


def beyond(wish: RadiusWish, org: tuple[float, ...]) -> list[tuple[str, float, float]]:
    """(number, asked, allowed) of which a role asks for more than the org has; `org`: the numbers of its radius."""
    kind = type(_meaning(Setting.BALANCED).blast_radius)
    allowed = dict(zip(kind.model_fields, org, strict=True))
    asked = wish.of(kind(**allowed))
    return [(name, getattr(asked, name), most) for name, most in allowed.items() if getattr(asked, name) > most]


def narrower(one: BlastRadius, other: BlastRadius) -> BlastRadius:
    """What both allow."""
    return type(one)(**{name: min(getattr(one, name), getattr(other, name)) for name in type(one).model_fields})


def _meaning(word: Setting) -> Appetite:
    # A role's hints are read without the nouns, as long as they say nothing of this: see `RoleFile.hints`.
    from orgruntime.model.appetite import SETTINGS  # noqa: PLC0415  # see above

    return SETTINGS[word]


def _preset(text: str) -> Setting:
    """A preset. The other words are for one dial, which is said."""
    word = text.casefold()
    if word in SETTING_WORDS and word not in PRESET_WORDS:
        known = ", ".join(f"`{preset}`" for preset in PRESET_WORDS)
        help = f"write one of them; `{word}` is for one dial, as in `{{preset: cautious, largest_stake: {word}}}`"
        raise words.Unclear(f"`{text}` is not one of {known}", help)
    return Setting(one_of(text, Preset).value)


def _setting(key: str, text: str) -> float:
    """A number in the dial's range, or a word, which stands for its number."""
    if text.isalpha() and text.casefold() not in ("nan", "inf", "infinity"):
        return float(getattr(_meaning(one_of(text, Setting)), key))
    dial = RISK[key]
    value = _READERS[dial.kind](text)
    if not dial.range.holds(value):
        # A bare number above 1 is a share in hundredths, as a rule.
        is_hundredths = dial.kind is Kind.SHARE and 1 < value <= 100 and dial.range.holds(value / 100)
        help = f"write `{text}%`, if that is meant" if is_hundredths else f"such as `{dial.example}`"
        help = f"{help}; a number {dial.range}" if is_hundredths else f"write a number {dial.range}, {help}"
        raise OutOfRange(f"`{text}` is out of range", help)
    return value


def _radius(fields: Fields, base: BlastRadius, findings: Findings) -> BlastRadius:
    value = fields.value("blast_radius")
    if isinstance(value, ScalarNode):
        setting = fields.choice("blast_radius", Setting)
        return _meaning(setting).blast_radius if setting else base
    return base.model_copy(update=_radius_numbers(fields))


def _radius_numbers(fields: Fields) -> dict[str, float]:
    """The numbers of `blast_radius: {…}` that are given and good."""
    inner = fields.mapping("blast_radius", BLAST_RADIUS)
    if inner is None:
        return {}
    seconds = inner.read("time", words.duration)
    read = {
        "files": inner.read("files", words.count),
        "lines": inner.read("lines", words.count),
        "gpus": inner.read("gpus", words.not_negative),
        "minutes": None if seconds is None else seconds / 60,
    }
    return {key: number for key, number in read.items() if number is not None}
