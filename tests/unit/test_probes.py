"""What labels hang on: each probe changes one thing and counts what comes out."""

import pytest

from stance.config import ModelConfig
from stance.corpora import corpus_rows, other_targets
from stance.errors import InputError
from stance.probes import negate, probe
from stance.records import Example, Prediction
from stance.reporting import ProbeReport


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("We will talk to them.", "We will not talk to them."),
        ("We will not talk to them.", "We will talk to them."),
        ("We won't talk to them.", "We will talk to them."),
        ("They can't stay away.", "They can stay away."),
        ("They cannot stay away.", "They can stay away."),
        ("It isn’t over, and it will not be.", "It is over, and it will not be."),
        ("It is over, and it won't be.", "It is not over, and it won't be."),
        ("Talks now!", None),
        ("There is no will to talk.", None),
        ("We have never met, and we can wait.", None),
        ("Talks with Will Smith in May are off.", "Talks with Will Smith in May are not off."),
        ("So be it. Will they come?", "So be it. Will not they come?"),
    ],
)
def test_a_statement_is_negated_at_its_first_auxiliary(text, negated):
    assert negate(text) == negated


class Reader:
    """A model whose rule is plain: a side is taken where the target is about talking."""

    name = "reader"
    config = ModelConfig(use_speaker=True)

    def predict(self, rows, *, batch_size):
        def label(row):
            about = any(word in row.target for word in ("negotiat", "dialogue", "table", "diploma", "talks"))
            side = "oppose" if " not " in row.text or "never" in row.text else "support"
            return side if about and "rain" not in row.text and row.speaker != "a poet" else "neutral"

        found = [label(row) for row in rows]
        return [Prediction(name, {"support": 0.0, "oppose": 0.0, "neutral": 0.0, name: 1.0}, 1.0) for name in found]


ROWS = [
    Example("We will talk.", "the envoy", "He said [...].", label="support"),
    Example("We will not talk.", "a poet", "A poet said [...].", label="oppose"),
    Example("It will rain.", "", "", label="neutral"),
    Example("Never, never!", "the envoy", "", label="oppose"),
]


def test_rates_are_those_of_a_model_that_can_be_seen_through(monkeypatch):
    monkeypatch.setattr("stance.probes.load", lambda model, backend: model)
    report = probe(Reader(), ROWS)
    rates = {result.name: (result.n_right, result.n_examples) for result in report.results}
    assert rates == {
        "target masked": (2, 4),  # the poet's and the rain are neutral either way
        "target in other words": (4, 4),
        "target unrelated": (2, 2),
        "another speaker": (0, 3),
        "statement negated": (1, 1),  # "Never, never!" has no auxiliary
    }
    text = report.to_markdown()
    assert "| target masked | labels kept | 50.0 | 2 of 4 |" in text and "another speaker, not so:" in text
    assert "support turned neutral: We will talk. [negotiations; a poet]" in text
    assert ProbeReport.from_dict(report.to_dict()) == report


def test_a_name_is_swapped_in_the_context_too(monkeypatch):
    seen = []

    class Listener(Reader):
        def predict(self, rows, *, batch_size):
            seen.extend(rows)
            return super().predict(rows, batch_size=batch_size)

    monkeypatch.setattr("stance.probes.load", lambda model, backend: model)
    probe(Listener(), [Example("Yes.", "Ann Ox", "Ann Ox said [...].", label="support"), Example("No.", "Bo Ram", "Bo Ram said [...].", label="oppose")])
    assert Example("Yes.", "Bo Ram", "Bo Ram said [...].", label="support") in seen


def test_contrast_pairs_are_counted_in_the_corpus(monkeypatch):
    gold = {(row["text"], row["context"]): row["label"] for row in corpus_rows()["dev"]}  # some twins differ in the context alone

    class Knowing(Reader):
        def predict(self, rows, *, batch_size):
            return [Prediction(gold.get((row.text, row.context), "neutral"), {"support": 0.0, "oppose": 0.0, "neutral": 1.0}, 1.0) for row in rows]

    monkeypatch.setattr("stance.probes.load", lambda model, backend: model)
    pairs = next(result for result in probe(Knowing()).results if result.name == "contrast pairs")
    assert pairs.n_examples >= 50 and pairs.n_right == pairs.n_examples and pairs.rate == 1


def test_nothing_to_probe_is_said(monkeypatch):
    with pytest.raises(InputError, match=r"^there are no rows to probe\. Pass at least one labelled statement\.$"):
        probe(data=[])


def test_training_and_probing_share_no_target():
    learn, ask = other_targets("learn"), other_targets("probe")
    every = [target.lower() for part in (learn, ask) for targets in part.values() for target in targets]
    assert len(every) == len(set(every)) and "negotiations" not in every


def test_what_a_model_does_not_read_is_not_probed(monkeypatch):
    class Blind(Reader):
        config = ModelConfig(use_target=False)

    monkeypatch.setattr("stance.probes.load", lambda model, backend: model)
    report = probe(Blind(), ROWS)
    assert [result.n_examples for result in report.results] == [0, 0, 0, 0, 1] and "| target masked | labels kept | - | 0 of 0 |" in report.to_markdown()


def test_targets_are_swapped_where_they_are_negotiations(monkeypatch):
    monkeypatch.setattr("stance.probes.load", lambda model, backend: model)
    rows = [Example("We will talk.", target="the peace talks", label="support"), Example("We will talk.", label="support")]
    assert [result.n_examples for result in probe(Reader(), rows).results][:3] == [1, 1, 1]


def test_a_name_inside_a_word_is_left():
    from stance.probes import _spoken_by

    assert _spoken_by(Example("x", "he", "he and the chief said"), "Ann").context == "Ann and the chief said"
